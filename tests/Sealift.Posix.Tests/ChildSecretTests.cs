using System.Text;

namespace Sealift.Posix.Tests;

/// <summary>A secret reaches the one child that it is for, and nothing else that can be looked at.</summary>
public sealed class ChildSecretTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_arrives_whole_and_can_be_read_again(bool startsOthers)
    {
        var bytes = new byte[300_000];
        Random.Shared.NextBytes(bytes);
        using var big = new ChildSecret("key", 3, bytes);
        using var small = new ChildSecret("password", 8, "pässword");
        using var empty = new ChildSecret("nothing", 5, ReadOnlySpan<byte>.Empty);
        var result = await ChildProcess.RunAsync(
            new ChildCommand("sh", "-c", "sha256sum <&3; sha256sum \"$1\"; cat <&8; echo; wc -c <\"$2\"", "sh", big.Path, empty.Path) { Secrets = [big, small, empty], StartsOthers = startsOthers }, Cancel);
        var sum = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
        Assert.Equal([$"{sum}  -", $"{sum}  {big.Path}", "pässword", "0", ""], result.Output.Split('\n'));
    }

    [Fact]
    public async Task Openssl_takes_a_password_from_it()
    {
        using var directory = new TemporaryDirectory();
        using var password = new ChildSecret("password of the key", 4, "correct horse");
        using var wrong = new ChildSecret("password of the key", 4, "battery staple");
        await ChildProcess.RunAsync(
            new ChildCommand("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", $"fd:{password.Descriptor}", "-out", directory.File("key")) { Secrets = [password] }, Cancel);
        Assert.Contains("ENCRYPTED", await File.ReadAllTextAsync(directory.File("key"), Cancel), StringComparison.Ordinal);
        var open = new ChildCommand("openssl", "pkey", "-in", directory.File("key"), "-passin", $"fd:{password.Descriptor}", "-noout");
        await ChildProcess.RunAsync(open with { Secrets = [password] }, Cancel);
        var error = await Assert.ThrowsAsync<ChildException>(() => ChildProcess.RunAsync(open with { Secrets = [wrong] }, Cancel));
        Assert.Equal("SL1102", error.Code);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nobody_else_can_see_it(bool startsOthers)
    {
        var word = "unspeakable" + Processes.NewMarker();
        using var secret = new ChildSecret("password", 3, word);
        var command = new ChildCommand("sh", "-c", "echo ready; read -r end; echo gone >&2; exit 4") { Secrets = [secret], StartsOthers = startsOthers };
        await using var child = ChildProcess.Start(command);
        Assert.Equal("ready", await child.ReadLineAsync(Cancel));
        await using var other = ChildProcess.Start(new ChildCommand("sh", "-c", "echo ready; cat") { StartsOthers = true });
        Assert.Equal("ready", await other.ReadLineAsync(Cancel));

        Assert.Contains("memfd:secret", Descriptors(child.Id));
        foreach (var id in Processes.InSession(child.Id).Append(other.Id).Append(Environment.ProcessId))
        {
            Assert.DoesNotContain(word, Encoding.UTF8.GetString(await File.ReadAllBytesAsync($"/proc/{id}/cmdline", Cancel)), StringComparison.Ordinal);
            Assert.DoesNotContain(word, Encoding.UTF8.GetString(await File.ReadAllBytesAsync($"/proc/{id}/environ", Cancel)), StringComparison.Ordinal);
        }

        // Not the guard, not a child that was started later, and no longer we.
        foreach (var id in Processes.InSession(child.Id).Where(id => id != child.Id).Concat(Processes.InSession(other.Id)).Append(Environment.ProcessId))
            Assert.DoesNotContain("memfd:secret", Descriptors(id));

        await child.SendAsync("end\n", Cancel);
        var exitCode = await child.WaitAsync(Cancel);
        var error = Assert.Throws<ChildException>(() => child.ThrowUnlessAccepted(exitCode));
        foreach (var text in (string[])[command.ToString(), secret.ToString(), error.ToString(), child.ErrorTail]) Assert.DoesNotContain(word, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_can_change_it()
    {
        using var secret = new ChildSecret("password", 3, "as it is");
        var result = await ChildProcess.RunAsync(new ChildCommand("sh", "-c", "echo other >&3; echo other >>\"$1\"; truncate -s 0 \"$1\"; cat <&3", "sh", secret.Path) { Secrets = [secret] }, Cancel);
        Assert.Equal("as it is\n", result.Output);
        Assert.Contains("not permitted", result.ErrorTail, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_overwritten_once_it_is_disposed_and_can_no_longer_be_given()
    {
        var original = "pässword"u8.ToArray();
        var secret = new ChildSecret("password", 3, original);
        var ours = secret.Content;
        Assert.Equal(original, ours.ToArray());
        secret.Dispose();
        Assert.Equal(new byte[original.Length], ours.ToArray());
        Assert.Throws<ObjectDisposedException>(() => { _ = ChildProcess.Start(new ChildCommand("true") { Secrets = [secret] }); });
    }

    [Fact]
    public void Descriptors_are_those_that_every_shell_can_name_and_each_is_given_once()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ChildSecret("x", 2, "x"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ChildSecret("x", 9, "x"));
        using var one = new ChildSecret("one", 3, "1");
        using var two = new ChildSecret("two", 3, "2");
        Assert.Throws<ArgumentException>(() => { _ = ChildProcess.Start(new ChildCommand("true") { Secrets = [one, two] }); });
        Assert.DoesNotContain("memfd:secret", Descriptors(Environment.ProcessId));
    }

    private static string Descriptors(int id) => string.Join('\n', Directory.EnumerateFiles($"/proc/{id}/fd").Select(Target));

    private static string? Target(string descriptor)
    {
        try
        {
            return File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName;
        }
        catch (FileNotFoundException)
        {
            return null; // closed since it was listed: other tests run in this process too
        }
    }
}
