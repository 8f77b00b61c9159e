using System.CommandLine;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Providers;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift verify</c>: is this the machine that the seal speaks of?</summary>
internal static class VerifyCommand
{
    public static Command Build()
    {
        var seal = new Argument<string>("SEAL") { Description = "The NAME.seal.json of a migration." };
        var disk = new Option<string[]>("--disk") { Description = "A disk that is not beside the seal: FILE for a machine with one disk, or KEY=FILE (disk1=/srv/a.raw); a volume of another host as qemu+ssh://USER@HOST/system:/PATH. May be repeated.", HelpName = "[KEY=]FILE" };
        var key = new Option<string?>("--key") { Description = "PEM file of the public key that must have signed; by default the local one.", HelpName = "FILE" };
        var command = new Command("verify", "Check a seal's signature, and that the disks still hold what it says. Works offline, but for disks that are on other hosts. Exit code 0: every claim holds; 1: one does not.") { seal, disk, key };
        command.SetAction(async (parsed, cancel) =>
        {
            var json = parsed.GetValue(GlobalOptions.Json);
            var options = new SealVerifyOptions
            {
                PublicKeyPath = parsed.GetValue(key),
                StateDirectory = GlobalOptions.StateDirectory(parsed),
                DiskFiles = Disks(parsed.GetValue(disk) ?? []),
            };
            SealVerification verification;
            using (var line = ProgressLine.For(json, "reading"))
            {
                var progress = line is null ? null : new Forward(line);
                verification = await SealVerifier.VerifyAsync(parsed.GetValue(seal)!, options, progress, cancel);
            }

            foreach (var claim in verification.Claims) Write(claim, json);
            if (!json) Console.Out.WriteLine(verification.Ok ? "every claim holds" : "NOT VERIFIED");
            return verification.Ok ? ExitCode.Success : ExitCode.Failed;
        });
        return command.WithExamples(
            "sealift verify /srv/vms/web01.seal.json",
            "sealift verify web01.seal.json --key seal.pub --disk disk1=/dev/vg/web01");
    }

    private static Dictionary<string, string> Disks(IReadOnlyList<string> values)
    {
        var disks = new Dictionary<string, string>();
        foreach (var value in values)
        {
            var equals = value.IndexOf('=', StringComparison.Ordinal);
            var isKey = equals > 0 && value[..equals].StartsWith("disk", StringComparison.Ordinal) && value[4..equals].All(char.IsAsciiDigit);
            var (key, path) = isKey ? (value[..equals], value[(equals + 1)..]) : ($"disk{disks.Count + 1}", value);
            if (!disks.TryAdd(key, LibvirtHost.IsFar(path) ? path : Path.GetFullPath(path))) throw CliErrors.BadValue("--disk", value, $"a disk that was not named before ({key} was)");
        }

        return disks;
    }

    private static void Write(ClaimResult claim, bool json)
    {
        if (json)
        {
            JsonLine.Write(w =>
            {
                w.WriteString("event", "claim");
                w.WriteString("subject", claim.Subject);
                w.WriteBoolean("holds", claim.Holds);
                w.WriteString("text", claim.Text);
                w.WriteString("advice", claim.Advice);
            });
            return;
        }

        Console.Out.WriteLine($"{(claim.Holds ? "ok  " : "FAIL")} {ErrorReport.Printable(claim.Subject)}: {ErrorReport.Printable(claim.Text)}");
        if (claim.Advice.Length > 0) Console.Out.WriteLine($"     {ErrorReport.Printable(claim.Advice)}");
    }

    private sealed class Forward(ProgressLine line) : IProgress<SealProgress>
    {
        public void Report(SealProgress value) => line.Report(new DiskProgress(value.DoneBytes, value.TotalBytes, value.DoneBytes));
    }
}
