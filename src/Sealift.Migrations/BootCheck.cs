namespace Sealift.Migrations;

/// <summary>Whether the new machine's boot is to be proven.</summary>
public enum BootCheck
{
    /// <summary>Where the guest was converted and KVM works. That nothing was seen is a note then; that it failed closes the gate.</summary>
    Auto,

    /// <summary>Always, emulated where KVM does not work (<c>--boot-check</c>).</summary>
    Always,

    /// <summary>Always, and whatever does not show that it came up is not handed over (<c>--require-boot</c>).</summary>
    Required,

    /// <summary>Not at all (<c>--no-boot-check</c>).</summary>
    Never,
}

/// <summary>What follows from the choice.</summary>
internal static class BootCheckChoice
{
    /// <summary>Whether the step is among those of a plan.</summary>
    public static bool IsPlanned(this BootCheck check, bool converted) => check switch
    {
        BootCheck.Never => false,
        BootCheck.Auto => converted,
        _ => true,
    };

    /// <summary>Whether somebody asked for it: then it is an error where it cannot be tried.</summary>
    public static bool IsAskedFor(this BootCheck check) => check is BootCheck.Always or BootCheck.Required;
}
