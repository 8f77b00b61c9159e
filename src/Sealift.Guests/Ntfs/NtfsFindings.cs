using Sealift.Guests.Checks;

namespace Sealift.Guests.Ntfs;

/// <summary>Collects what is wrong: the first texts of each class and severity in full, the rest as a number.</summary>
internal sealed class NtfsFindings(int textsPerClass)
{
    private readonly Dictionary<(string Class, FindingSeverity Severity), Bucket> buckets = [];

    /// <summary>Whether the log was not closed, so that the volume is not yet what it will be after the next start of Windows.</summary>
    public bool AwaitsReplay { get; set; }

    /// <summary>Whether every part of the volume that asks to be checked was checked.</summary>
    public bool IsComplete { get; private set; } = true;

    /// <summary>The volume is not sound here.</summary>
    public void Damage(string findingClass, string text) => Add(findingClass, FindingSeverity.Damage, text);

    /// <summary>
    /// Two structures do not agree. That is damage, unless the log has to be replayed: what was changed together is written one after the
    /// other, and only the log makes it whole.
    /// </summary>
    public void Disagreement(string findingClass, string text) => Add(findingClass, AwaitsReplay ? FindingSeverity.Note : FindingSeverity.Damage, text);

    /// <summary>Worth knowing.</summary>
    public void Note(string findingClass, string text) => Add(findingClass, FindingSeverity.Note, text);

    /// <summary>A limit was reached. Nobody may call such a volume clean, so it weighs as damage.</summary>
    public void NotChecked(string text)
    {
        IsComplete = false;
        Add(NtfsClasses.NotChecked, FindingSeverity.Damage, text);
    }

    /// <summary>Everything, a text for each finding that was kept and one for the rest of each class.</summary>
    public IReadOnlyList<Observation> ToObservations()
    {
        var all = new List<Observation>();
        foreach (var ((findingClass, severity), bucket) in buckets)
        {
            all.AddRange(bucket.Texts.Select(t => new Observation(findingClass, severity, t)));
            if (bucket.Count > bucket.Texts.Count) all.Add(new Observation(findingClass, severity, $"and {bucket.Count - bucket.Texts.Count} more"));
        }

        return all;
    }

    private void Add(string findingClass, FindingSeverity severity, string text)
    {
        if (!buckets.TryGetValue((findingClass, severity), out var bucket)) buckets.Add((findingClass, severity), bucket = new Bucket());
        bucket.Count++;
        if (bucket.Texts.Count < textsPerClass) bucket.Texts.Add(text);
    }

    private sealed class Bucket
    {
        public List<string> Texts { get; } = [];

        public long Count { get; set; }
    }
}
