namespace Sealift.Guests;

/// <summary>
/// How much each warning of virt-v2v weighs. It warns and exits 0 over things that keep a guest from booting, so a warning is damage
/// unless this table knows better:
/// <list type="table">
/// <item><term>could not determine a way to update the configuration of Grub2</term><description>virt-v2v cannot choose which kernel
/// the boot loader starts; it says so of every Debian and Ubuntu. Where the guest has one kernel there is nothing to choose: a note.
/// Where it has several, the boot loader may start one that was not prepared: a warning, for as a rule it starts the newest, and that is
/// the one that virt-v2v prepares; the boot proof tells. Where nobody counted them: damage.</description></item>
/// <item><term>… guest agent …, … balloon …, … RNG …, … QXL …, … vsock …</term><description>Conveniences that a guest starts
/// without: a note.</description></item>
/// <item><term>there is no QXL / virtio driver … (Windows) and everything else</term><description>Damage.</description></item>
/// </list>
/// What it is bound to warn of so that the conversion is refused, <see cref="Lint.GuestLint"/> says before anything is copied: who changes
/// this table changes that as well.
/// </summary>
internal static class ConversionWarnings
{
    private static readonly string[] Conveniences = ["guest agent", "balloon", "random number generator", "virtio-rng", "memory balloon", "vsock", "pvpanic", "display driver", "QXL"];

    /// <summary>The severity of a warning.</summary>
    /// <param name="warning">Its text.</param>
    /// <param name="kernels">How many kernels the boot loader offers, or null where that is not known.</param>
    public static FindingSeverity Judge(string warning, int? kernels)
    {
        if (warning.Contains("could not determine a way to update the configuration of Grub2", StringComparison.Ordinal)) return kernels switch { 1 => FindingSeverity.Note, > 1 => FindingSeverity.Warning, _ => FindingSeverity.Damage };
        return Conveniences.Any(c => warning.Contains(c, StringComparison.OrdinalIgnoreCase)) ? FindingSeverity.Note : FindingSeverity.Damage;
    }
}
