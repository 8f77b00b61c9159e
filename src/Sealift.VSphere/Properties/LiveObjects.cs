namespace Sealift.VSphere;

/// <summary>The state of objects that are watched: what each update changes is replaced, and all else is kept.</summary>
public sealed class LiveObjects
{
    private readonly Dictionary<ManagedReference, ObjectProperties> objects = [];

    /// <summary>Every object that is there, with all of its properties that were asked for.</summary>
    public IReadOnlyDictionary<ManagedReference, ObjectProperties> Objects => objects;

    /// <summary>Whether what is here was the whole state at one moment; false in the middle of a set that comes in parts.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Takes in what happened.</summary>
    /// <param name="set">The next set, in order.</param>
    /// <returns>The objects that changed or went.</returns>
    public IReadOnlyCollection<ManagedReference> Apply(UpdateSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        var touched = new HashSet<ManagedReference>();
        if (set.StartsAnew)
        {
            touched.UnionWith(objects.Keys);
            objects.Clear();
        }

        foreach (var update in set.Updates)
        {
            touched.Add(update.Reference);
            if (update.Kind == UpdateKind.Leave) objects.Remove(update.Reference);
            else objects[update.Reference] = Merge(update.Kind == UpdateKind.Modify ? objects.GetValueOrDefault(update.Reference) : null, update);
        }

        IsComplete = set.IsComplete;
        return touched;
    }

    private static ObjectProperties Merge(ObjectProperties? before, ObjectUpdate update)
    {
        Dictionary<string, VimElement> values = before is null ? [] : new(before.Values);
        Dictionary<string, VSphereFault> missing = before is null ? [] : new(before.Missing);
        foreach (var (path, value) in update.Changes)
        {
            missing.Remove(path);
            if (value is null) values.Remove(path);
            else values[path] = value;
        }

        foreach (var (path, fault) in update.Missing)
        {
            values.Remove(path);
            missing[path] = fault;
        }

        return new ObjectProperties(update.Reference, values, missing);
    }
}
