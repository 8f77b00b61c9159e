namespace Sealift.Bench.Copies;

/// <summary>Something that is measured, with its data, its peers and its goal.</summary>
internal interface IRow
{
    /// <summary>By which it is asked for.</summary>
    string Name { get; }

    /// <summary>What it measures, in a line.</summary>
    string About { get; }

    /// <summary>The room that it needs at most, in bytes.</summary>
    long RoomBytes(Options options, Sizes sizes);

    /// <summary>Measures it. What it leaves in the scratch directory is removed for it.</summary>
    Task MeasureAsync(Bench bench, CancellationToken cancel);
}
