namespace Sealift.Guests;

/// <summary>The versions of what takes part in an examination: a check is only as good as its checker.</summary>
internal static class ApplianceTools
{
    private static readonly (string Name, string Command)[] Commands =
    [
        ("kernel", "uname -r"),
        ("e2fsck", "e2fsck -V 2>&1 | head -n 1"),
        ("xfs_repair", "xfs_repair -V"),
        ("btrfs", "btrfs --version"),
        ("fsck.fat", "fsck.fat -n /dev/null 2>/dev/null | head -n 1"),
        ("fsck.exfat", "fsck.exfat -V"),
        ("ntfsresize", "ntfsresize --version 2>&1 | head -n 1"),
        ("cryptsetup", "cryptsetup --version"),
        ("lvm", "lvm version 2>/dev/null | head -n 1"),
        ("sfdisk", "sfdisk --version"),
        ("sgdisk", "sgdisk --version"),
    ];

    /// <summary>Name and version of every tool that the appliance has.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> VersionsAsync(Appliance appliance, CancellationToken cancel)
    {
        var script = string.Join('\n', Commands.Select(c => $"command -v {c.Command.Split(' ')[0]} >/dev/null && echo \"{c.Name}=$({c.Command})\""));
        var answers = await appliance.ShellAsync("ask for the tools' versions", script + "\nexit 0", cancel);
        var tools = new Dictionary<string, string>();
        foreach (var line in answers.Output.Split('\n'))
        {
            if (line.IndexOf('=') is not (> 0 and var at)) continue;
            tools[line[..at]] = VersionIn(line[(at + 1)..]);
        }

        var (lines, _) = await appliance.CommandAsync("ask for libguestfs's version", "version", cancel);
        var fields = lines.Select(l => l.Split(": ")).Where(p => p.Length == 2).ToDictionary(p => p[0], p => p[1]);
        tools["libguestfs"] = string.Join('.', ((string[])["major", "minor", "release"]).Select(f => GuestText.Name(fields.GetValueOrDefault(f, "?"))));
        return tools;
    }

    /// <summary>"btrfs-progs v6.2", "exfatprogs version : 1.2.0", "e2fsck 1.47.0 (5-Feb-2023)": the first word that has a digit first, a leading v aside.</summary>
    public static string VersionIn(string said)
    {
        var version = said.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => w.TrimStart('v')).FirstOrDefault(w => w.Length > 0 && char.IsAsciiDigit(w[0]));
        return GuestText.Name(version ?? said);
    }
}
