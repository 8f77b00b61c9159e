namespace Sealift.Providers;

/// <summary>UEFI firmware for QEMU: OVMF, as two files.</summary>
/// <param name="CodePath">Its code.</param>
/// <param name="VariablesPath">The variables of a machine that was never started.</param>
public sealed record UefiFirmware(string CodePath, string VariablesPath)
{
    // Debian and Ubuntu, Fedora and RHEL, Arch, SUSE, and old ones.
    private static readonly UefiFirmware[] Plain =
    [
        new("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        new("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
        new("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
        new("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
        new("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ];

    private static readonly UefiFirmware[] Secure =
    [
        new("/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
        new("/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"),
        new("/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin", "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin"),
    ];

    /// <summary>Where distributions keep it, in the order in which it is looked for.</summary>
    /// <param name="secureBoot">Whether it must enforce secure boot, with Microsoft's keys enrolled.</param>
    public static IReadOnlyList<UefiFirmware> Known(bool secureBoot) => secureBoot ? Secure : Plain;

    /// <summary>What this host has, or null. As for the start script, OVMF_CODE and OVMF_VARS in the environment come first.</summary>
    /// <param name="secureBoot">As in <see cref="Known"/>.</param>
    public static UefiFirmware? Find(bool secureBoot)
    {
        var (code, variables) = (Environment.GetEnvironmentVariable("OVMF_CODE"), Environment.GetEnvironmentVariable("OVMF_VARS"));
        if (!string.IsNullOrEmpty(code) && !string.IsNullOrEmpty(variables)) return new UefiFirmware(Path.GetFullPath(code), Path.GetFullPath(variables));
        return Known(secureBoot).FirstOrDefault(f => File.Exists(f.CodePath) && File.Exists(f.VariablesPath));
    }
}
