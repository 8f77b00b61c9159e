namespace Sealift.VSphere;

/// <summary>A password. Nothing prints it: not an error, not a log, not a debugger's view of what holds it.</summary>
/// <param name="text">The password.</param>
public sealed class VSphereSecret(string text)
{
    private readonly string text = text;

    /// <summary>Says only that there is one.</summary>
    public override string ToString() => "(secret)";

    internal string Reveal() => text;
}
