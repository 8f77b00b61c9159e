namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>A swap area; by mkswap(8). All that is kept of it is its header.</summary>
internal sealed class Swap : Kind
{
    public override string Name => "swap";

    internal override PlainCheck? Plain { get; } = new("swaplabel", ["swaplabel", "DISK1"]) { IsDump = true };

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], 1 << 20);
        _ = await new Command("mkswap", "-q", "-p", "4096", "-U", Uuid(number), disks[0]).RunAsync(cancel);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) => Task.FromResult<IReadOnlyList<Place>>(
    [
        new("version", 1024, 4),
        new("last page", 1028, 4),
        new("number of bad pages", 1032, 4),
        new("header", 1024, 12),
        new("mark", 4086, 10),
        new("page of the header", 1024, 3072),
    ]);
}
