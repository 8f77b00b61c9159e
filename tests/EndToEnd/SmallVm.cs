using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>
/// What came out of a small VM in which a job of busybox's shell ran the real command. The job prints <c>exit NAME CODE</c> for each run,
/// and its output behind <c>out NAME</c> and <c>err NAME</c>.
/// </summary>
internal sealed record SmallVm(IReadOnlyList<string> Lines)
{
    public string All => string.Join('\n', Lines);

    /// <summary>Runs one to its end.</summary>
    /// <param name="rig">The command, and where things are made.</param>
    /// <param name="script">The one of tests/rigs that makes its initramfs, of the command and the job.</param>
    /// <param name="job">The job.</param>
    /// <param name="settings">More for the kernel's command line.</param>
    /// <param name="disks">Its disks.</param>
    /// <param name="end">What begins the last line that it prints, with the job's exit code.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<SmallVm> RunAsync(Rig rig, string script, string job, string settings, IReadOnlyList<string> disks, string end, CancellationToken cancel)
    {
        var directory = rig.NewDirectory();
        var (initramfs, file) = (Path.Combine(directory, "vm.gz"), Path.Combine(directory, "job"));
        await File.WriteAllTextAsync(file, job, cancel);
        await ChildProcess.RunAsync(new ChildCommand(Path.Combine(Rig.Scripts, script), initramfs, rig.Sealift, file), cancel);
        var arguments = new List<string>
        {
            "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "768", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "none",
            "-kernel", Directory.EnumerateFiles("/boot", "vmlinuz-*-cloud-*").Order(StringComparer.Ordinal).Last(), "-initrd", initramfs,
            "-append", $"console=ttyS0 quiet {settings}",
        };
        foreach (var disk in disks) arguments.AddRange(["-drive", $"file={disk},format=raw,if=virtio,file.locking=off"]);
        var lines = new List<string>();
        await using var vm = ChildProcess.Start(new ChildCommand("qemu-system-x86_64", [.. arguments]) { Deadline = TimeSpan.FromMinutes(5) });
        while (await vm.ReadLineAsync(cancel) is { } line) lines.Add(line.TrimEnd('\r'));
        _ = await vm.WaitAsync(cancel); // its exit code is checked
        Assert.True(lines.Contains($"{end} 0"), string.Join('\n', lines));
        return new SmallVm(lines);
    }

    public int ExitCode(string name) => Lines.FirstOrDefault(l => l.StartsWith($"exit {name} ", StringComparison.Ordinal)) is { } line ? int.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture) : throw new InvalidOperationException(All);

    /// <summary>The last event that a run told.</summary>
    public JsonElement End(string name) => Lines.LastOrDefault(l => l.StartsWith($"out {name} {{", StringComparison.Ordinal)) is { } line ? JsonDocument.Parse(line[$"out {name} ".Length..]).RootElement : throw new InvalidOperationException(All);

    /// <summary>Whether a run said something on standard error.</summary>
    public bool Said(string name, string text) => Lines.Any(line => line.StartsWith($"err {name} ", StringComparison.Ordinal) && line.Contains(text, StringComparison.Ordinal));

    public static string? Used(JsonElement end) => end.GetProperty("transfer").GetProperty("used").GetString();

    /// <summary>Why a way was passed over.</summary>
    public static string? WhyNot(JsonElement end, string way) => end.GetProperty("transfer").GetProperty("passedOver").EnumerateArray().Single(p => p.GetProperty("name").GetString() == way).GetProperty("why").GetString();
}
