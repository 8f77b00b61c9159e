namespace Sealift.VSphere;

/// <summary>A tag that somebody put on an object.</summary>
/// <param name="Category">What its category is called.</param>
/// <param name="Name">What it is called.</param>
public sealed record VSphereTag(string Category, string Name);
