using Sealift.Posix;

namespace Sealift.VSphere;

/// <summary>A password. Nothing prints it: not an error, not a log, not a debugger's view of what holds it.</summary>
/// <param name="text">The password.</param>
public sealed class VSphereSecret(string text)
{
    private readonly string text = text;

    /// <summary>Says only that there is one.</summary>
    public override string ToString() => "(secret)";

    /// <summary>Gives it to a child process, on a descriptor of the child's own. The caller disposes it.</summary>
    /// <param name="descriptor">The child's descriptor.</param>
    /// <returns>Null where it has a line break, or a NUL: tools that read a line would take a part of it for all of it.</returns>
    public ChildSecret? ToChild(int descriptor) => text.AsSpan().ContainsAny("\n\r\0") ? null : new ChildSecret("password", descriptor, text);

    /// <summary>What somebody said who was told it, without it.</summary>
    /// <param name="said">The words.</param>
    public string TakeOutOf(string said)
    {
        ArgumentNullException.ThrowIfNull(said);
        return text.Length == 0 ? said : said.Replace(text, "(secret)", StringComparison.Ordinal);
    }

    internal string Reveal() => text;
}
