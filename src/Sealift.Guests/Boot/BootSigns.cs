using System.Text.RegularExpressions;

namespace Sealift.Guests.Boot;

/// <summary>A line of a console that tells what became of a boot.</summary>
/// <param name="Outcome">Booted or failed.</param>
/// <param name="Class">As in <see cref="BootReport.Class"/>.</param>
/// <param name="Line">The line.</param>
internal sealed record BootSign(BootOutcome Outcome, string Class, string Line);

/// <summary>The lines by which firmware, boot loaders, initramfs and init systems tell what became of a boot.</summary>
internal static partial class BootSigns
{
    // Each as its program prints it: a part of a line that stands for nothing else.
    private static readonly (string Text, string Class)[] Failures =
    [
        ("Kernel panic - not syncing", "boot.panic"), // Linux, kernel/panic.c
        ("You are in emergency mode", "boot.emergency-shell"), // systemd, emergency.service and sulogin-shell
        ("You are in rescue mode", "boot.emergency-shell"),
        ("Give root password for maintenance", "boot.emergency-shell"), // sulogin(8)
        ("the root account is locked", "boot.emergency-shell"), // sulogin(8): "Cannot open access to console, …"
        ("Entering emergency mode. Exit the shell to continue", "boot.initramfs-shell"), // dracut
        ("Dropping to a shell!", "boot.initramfs-shell"), // initramfs-tools
        ("emergency recovery shell launched", "boot.initramfs-shell"), // Alpine's mkinitfs
        ("No bootable device", "boot.no-bootable-device"), // SeaBIOS
        ("No bootable option or device was found", "boot.no-bootable-device"), // EDK II
        ("Missing operating system", "boot.boot-loader"), // MBR code of DOS, Windows and syslinux
        ("Error loading operating system", "boot.boot-loader"),
        ("Operating system not found", "boot.boot-loader"),
        ("BOOTMGR is missing", "boot.boot-loader"), // Windows, boot sector of the partition
        ("NTLDR is missing", "boot.boot-loader"),
        ("Non-system disk or disk error", "boot.boot-loader"),
        ("Entering rescue mode...", "boot.boot-loader"), // GRUB
    ];

    /// <summary>What a whole line tells; null where it tells nothing.</summary>
    public static BootSign? OfLine(string line)
    {
        if (OfMessage(line) is { } failure) return failure;
        // A message of the kernel may follow the prompt on its line.
        var prompt = KernelMessage().Replace(line, string.Empty);
        return prompt.Length < line.Length ? OfPrompt(prompt) : null;
    }

    /// <summary>What a line tells that was not ended, and is waiting for somebody to type.</summary>
    public static BootSign? OfPrompt(string line)
    {
        var trimmed = line.TrimEnd();
        if (LoginPrompt().IsMatch(trimmed)) return new BootSign(BootOutcome.Booted, "boot.login-prompt", trimmed);
        if (SpecialConsole().IsMatch(trimmed)) return new BootSign(BootOutcome.Booted, "boot.login-prompt", trimmed);
        if (GrubPrompt().IsMatch(trimmed)) return new BootSign(BootOutcome.Failed, "boot.boot-loader", trimmed);
        if (InitramfsPrompt().IsMatch(trimmed)) return new BootSign(BootOutcome.Failed, "boot.initramfs-shell", trimmed);
        if (FirmwarePrompt().IsMatch(trimmed)) return new BootSign(BootOutcome.Failed, "boot.no-bootable-device", trimmed);
        return OfMessage(trimmed);
    }

    private static BootSign? OfMessage(string line)
    {
        foreach (var (text, name) in Failures)
            if (line.Contains(text, StringComparison.OrdinalIgnoreCase)) return new BootSign(BootOutcome.Failed, name, line);
        return null;
    }

    // getty(8) prints the host's name before it. "Last login:" comes after a login and not before one.
    [GeneratedRegex(@"^(?!Last )([A-Za-z0-9._-]{1,255} )?login:$")]
    private static partial Regex LoginPrompt();

    // Windows' Special Administration Console, where emergency management services are on.
    [GeneratedRegex("^SAC>$")]
    private static partial Regex SpecialConsole();

    [GeneratedRegex("^grub( rescue)?>$")]
    private static partial Regex GrubPrompt();

    [GeneratedRegex(@"^(\(initramfs\)|(dracut|switch_root|rdsosreport):\S{0,64}[#$])$")]
    private static partial Regex InitramfsPrompt();

    // EDK II's shell, the last of its boot options, once it waits for somebody: a script of the guest's (startup.nsh) may boot it before.
    [GeneratedRegex(@"^(Shell|FS\d{1,3}:\S{0,64})>$")]
    private static partial Regex FirmwarePrompt();

    [GeneratedRegex(@"\[ {0,8}\d{1,9}\.\d{6}\].*$")]
    private static partial Regex KernelMessage();
}
