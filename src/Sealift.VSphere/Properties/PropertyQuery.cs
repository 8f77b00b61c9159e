namespace Sealift.VSphere;

/// <summary>Which properties of which objects (a <c>PropertyFilterSpec</c>).</summary>
/// <param name="Type">The type of the objects.</param>
/// <param name="Paths">The properties, such as <c>runtime.powerState</c>.</param>
public sealed record PropertyQuery(string Type, IReadOnlyList<string> Paths)
{
    /// <summary>The objects; those that are gone by now are left out of the answer. Empty where <see cref="Container"/> is set.</summary>
    public IReadOnlyList<ManagedReference> Objects { get; init; } = [];

    /// <summary>Everything of that type below this folder, data center, host or pool.</summary>
    public ManagedReference? Container { get; init; }

    internal void WriteTo(VimWriter writer, ManagedReference? view)
    {
        writer.Element("propSet", w =>
        {
            w.Text("type", Type);
            w.Texts("pathSet", Paths);
        });
        foreach (var one in Objects)
        {
            writer.Element("objectSet", w =>
            {
                w.Reference("obj", one);
                w.Flag("skip", false);
            });
        }

        if (view is { } through)
        {
            writer.Element("objectSet", w =>
            {
                w.Reference("obj", through);
                w.Flag("skip", true);
                w.Element("selectSet", InView, "TraversalSpec");
            });
        }

        writer.Flag("reportMissingObjectsInResults", true);
    }

    private static void InView(VimWriter writer)
    {
        writer.Text("name", "view");
        writer.Text("type", "ContainerView");
        writer.Text("path", "view");
        writer.Flag("skip", false);
    }
}
