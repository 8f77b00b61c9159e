namespace Sealift.VSphere;

/// <summary>A managed object of a server (a "moref"). Its value is opaque: unique on that server, and no more is to be read from it.</summary>
/// <param name="Type">The type, such as <c>VirtualMachine</c>.</param>
/// <param name="Value">What the server calls it, such as <c>vm-42</c>.</param>
public readonly record struct ManagedReference(string Type, string Value)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Type} {Value}";
}
