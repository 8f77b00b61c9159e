using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// The agent in a guest, reached through the socket of its channel; QEMU's docs/interop/qemu-ga-ref. What it says is a hostile guest's:
/// of its answers only whether they are there is believed.
/// </summary>
internal sealed class GuestAgent(string socketPath, string machine)
{
    // An agent that is there answers at once. To freeze it flushes, which takes as long as the guest's storage does.
    private static readonly TimeSpan PresenceDeadline = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);
    private const int MostLines = 1000;

    /// <summary>
    /// Greets; then, for a line from us, says the first thing, and for another one or for our end the second. The shell that the kernel
    /// kills when we die is not the one that talks: so what was frozen is thawed also then, and the connection stays long enough for the
    /// agent to hear it. Its answers are still taken when nobody reads ours any more: socat would end at the first that it cannot pass on,
    /// before the second thing is said. Nothing is said to an agent that has not answered: one that wakes up later would find it.
    /// </summary>
    private const string Script = """
        exec 3<&0 5>&1
        talk() {
          ended=$({
            {
              printf '\377%s\n' "$2"
              if read -r _ <&3; then
                printf '%s\n' "$3"; read -r _ <&3
                printf '%s\n' "$4"; read -r _ <&3 || sleep 5
              fi
            } | { socat -t 0.5 - "UNIX-CONNECT:$1"; echo $? >&4; } | { cat; cat >/dev/null; } >&5
          } 4>&1)
          return "$ended"
        }
        talk "$@" & wait $!
        """;

    /// <summary>Does something while the guest's file systems are frozen, and thaws them whatever becomes of it, also where this process is killed.</summary>
    /// <param name="act">What is done. It should not take long: whatever writes in the guest waits for it.</param>
    /// <param name="cancel">Stops it; the guest is thawed.</param>
    /// <returns>Why they were not frozen while it was done; null where they were.</returns>
    /// <exception cref="SealiftException">SL6409: they were frozen and could not be thawed.</exception>
    public async Task<string?> WhileFrozenAsync(Func<Task> act, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(act);
        await using var talk = Start("{\"execute\":\"guest-fsfreeze-freeze\"}", "{\"execute\":\"guest-fsfreeze-thaw\"}", out var id);
        if (await WhyAbsentAsync(talk, id, cancel) is { } absent)
        {
            await act();
            return absent;
        }

        var frozen = Reply.None;
        try
        {
            await talk.SendAsync("freeze\n", cancel);
            frozen = await ReplyAsync(talk, cancel);
            await act();
        }
        catch (Exception e)
        {
            if (await ThawAsync(talk, frozen) is { } said && frozen.MayHaveBeenDone) throw ProviderErrors.AgentDidNotThaw(machine, said, e);
            throw;
        }

        // Not cancelled: it must not stay frozen, and one that did not say that it froze may do so by and by.
        if (await ThawAsync(talk, frozen) is { } notThawed && frozen.MayHaveBeenDone) throw ProviderErrors.AgentDidNotThaw(machine, notThawed, null);
        return frozen.WhyNot;
    }

    /// <summary>Asks it to shut the guest down. It does not answer that: who asks must look whether the guest does.</summary>
    /// <returns>Why nobody was asked; null where an agent was.</returns>
    public async Task<string?> AskToShutDownAsync(CancellationToken cancel)
    {
        await using var talk = Start("{\"execute\":\"guest-shutdown\",\"arguments\":{\"mode\":\"powerdown\"}}", string.Empty, out var id);
        if (await WhyAbsentAsync(talk, id, cancel) is { } absent) return absent;
        try
        {
            await talk.SendAsync("now\n", cancel);
            talk.EndInput(); // what was said is given time to be heard
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            limit.CancelAfter(AnswerDeadline);
            for (var left = MostLines; left > 0; left--)
            {
                if (await talk.ReadLineAsync(limit.Token) is not { } line) break;
                if (Returned(line) is null) return ProviderErrors.Clean(line, 200); // only a refusal is answered
            }

            return await talk.WaitAsync(limit.Token) == 0 ? null : Words(talk);
        }
        catch (ChildException e)
        {
            return ProviderErrors.Clean(e.Message, 200);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"it did not answer within {AnswerDeadline.TotalSeconds:0} seconds";
        }
    }

    /// <summary>Why there is no agent that answers; null where there is one.</summary>
    public async Task<string?> WhyAbsentAsync(CancellationToken cancel)
    {
        await using var talk = Start(string.Empty, string.Empty, out var id);
        return await WhyAbsentAsync(talk, id, cancel);
    }

    private ChildProcess Start(string first, string second, out int id)
    {
        id = RandomNumberGenerator.GetInt32(int.MaxValue);
        var greeting = string.Create(CultureInfo.InvariantCulture, $"{{\"execute\":\"guest-sync\",\"arguments\":{{\"id\":{id}}}}}");
        return ChildProcess.Start(new ChildCommand("sh", "-c", Script, "sh", socketPath, greeting, first, second) { Deadline = Deadline });
    }

    /// <param name="talk">The conversation.</param>
    /// <param name="frozen">What it said to the freeze: where it has not answered yet, that comes first.</param>
    /// <returns>Why it was not thawed; null where it says that it was.</returns>
    private static async Task<string?> ThawAsync(ChildProcess talk, Reply frozen)
    {
        try
        {
            await talk.SendAsync("thaw\n", CancellationToken.None);
            if (!frozen.HasCome) _ = await ReplyAsync(talk, CancellationToken.None); // frozen or not, it is thawed
            var thawed = await ReplyAsync(talk, CancellationToken.None);
            talk.EndInput();
            if (thawed.WhyNot is null) return null;
            // It may still be on its way: the connection stays for as long as the script keeps it.
            _ = await talk.WaitAsync(CancellationToken.None); // that it did not say so is what counts
            return thawed.WhyNot;
        }
        catch (ChildException)
        {
            return Words(talk); // it has ended already: that is the answer
        }
    }

    /// <summary>Waits for the answer to the greeting; what comes before it answers somebody who asked earlier.</summary>
    private static async Task<string?> WhyAbsentAsync(ChildProcess talk, int id, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(PresenceDeadline);
        try
        {
            for (var left = MostLines; left > 0; left--)
            {
                if (await talk.ReadLineAsync(limit.Token) is not { } line) return Words(talk);
                if (Returned(line) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var said) && said == id) return null;
            }

            return "it says other things than it is asked";
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return talk.ErrorTail.Length > 0 ? Words(talk) : $"it did not answer within {PresenceDeadline.TotalSeconds:0} seconds";
        }
    }

    private static async Task<Reply> ReplyAsync(ChildProcess talk, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(AnswerDeadline);
        try
        {
            if (await talk.ReadLineAsync(limit.Token) is not { } line) return new Reply(true, Words(talk));
            return new Reply(true, Returned(line) is { ValueKind: JsonValueKind.Number } ? null : ProviderErrors.Clean(line, 200));
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new Reply(false, $"it did not answer within {AnswerDeadline.TotalSeconds:0} seconds");
        }
    }

    private static JsonElement? Returned(string line)
    {
        try
        {
            using var message = JsonDocument.Parse(line);
            return message.RootElement.ValueKind == JsonValueKind.Object && message.RootElement.TryGetProperty("return", out var value) ? value.Clone() : null;
        }
        catch (JsonException)
        {
            return null; // no agent talks like that
        }
    }

    private static string Words(ChildProcess talk) => talk.ErrorTail.Trim() is { Length: > 0 } said ? ProviderErrors.Clean(said, 200) : "it hung up";

    /// <summary>An answer.</summary>
    /// <param name="HasCome">Whether there is one, or will be none.</param>
    /// <param name="WhyNot">Why it did not do what it was asked; null where it says that it did.</param>
    private readonly record struct Reply(bool HasCome, string? WhyNot)
    {
        public static Reply None => new(false, "nobody waited for its answer");

        public bool MayHaveBeenDone => !HasCome || WhyNot is null;
    }
}
