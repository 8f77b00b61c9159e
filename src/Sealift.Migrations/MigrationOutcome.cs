namespace Sealift.Migrations;

/// <summary>How a migration ended, and where its papers are.</summary>
/// <param name="Id">The migration.</param>
/// <param name="Verdict">The verdict.</param>
/// <param name="SealPath">The signed report, whatever the verdict; null only where not even that could be written (a reason says so).</param>
/// <param name="HtmlPath">The page for people beside it.</param>
/// <param name="DomainPath">The libvirt domain; null where nothing was handed over.</param>
/// <param name="StartScriptPath">The script that starts the machine; null where nothing was handed over.</param>
/// <param name="Reasons">Why it is not <see cref="Verdict.Sealed"/>: whole sentences with code and next step. Empty for a seal without reservation.</param>
/// <param name="CanResume">Whether <c>resume</c> makes sense once the cause is gone.</param>
public sealed record MigrationOutcome(
    string Id,
    Verdict Verdict,
    string? SealPath,
    string? HtmlPath,
    string? DomainPath,
    string? StartScriptPath,
    IReadOnlyList<string> Reasons,
    bool CanResume)
{
    /// <summary>The domain as libvirt knows it, <c>qemu:///system/NAME</c>; null where nobody defined one.</summary>
    public string? DefinedDomain { get; init; }
}
