namespace Sealift.VSphere;

/// <summary>Properties of an object at one moment.</summary>
/// <param name="Reference">The object.</param>
/// <param name="Values">What was asked for and is set, by its path.</param>
/// <param name="Missing">What was asked for and cannot be told, by its path, with the reason: mostly <c>NoPermission</c>.</param>
public sealed record ObjectProperties(ManagedReference Reference, IReadOnlyDictionary<string, VimElement> Values, IReadOnlyDictionary<string, VSphereFault> Missing)
{
    /// <summary>A property, or null where it is not set or not told.</summary>
    public VimElement? this[string path] => Values.GetValueOrDefault(path);

    /// <summary>Reads an <c>ObjectContent</c>.</summary>
    internal static ObjectProperties Of(VimElement element)
    {
        var values = new Dictionary<string, VimElement>();
        foreach (var property in element.All("propSet"))
        {
            // Some servers name what is not set, without a value.
            if (property.Find("val") is { } value) values[property.Require("name").Text] = value;
        }

        return new ObjectProperties(element.Require("obj").AsReference(), values, MissingOf(element));
    }

    internal static Dictionary<string, VSphereFault> MissingOf(VimElement element)
    {
        var missing = new Dictionary<string, VSphereFault>();
        foreach (var property in element.All("missingSet")) missing[property.Require("path").Text] = VSphereFault.Of(property.Require("fault"));
        return missing;
    }
}
