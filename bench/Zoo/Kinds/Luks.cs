using System.Globalization;

namespace Sealift.Bench.FileSystems.Kinds;

/// <summary>LUKS, encrypted content of which only the header can be read; by cryptsetup(8), in a file and without a device mapper.</summary>
/// <param name="version">1 or 2.</param>
internal sealed class Luks(int version) : Kind
{
    public override string Name => $"LUKS{version}";

    public override bool IsNotCovered => true;

    internal override PlainCheck? Plain { get; } = new("cryptsetup luksDump", ["cryptsetup", "luksDump", "DISK1"]) { IsDump = true, Writes = true };

    internal override async Task BuildAsync(IReadOnlyList<string> disks, int number, SampleFiles files, CancellationToken cancel)
    {
        Blank(disks[0], 20 << 20);
        // Cheap to open: nobody guesses the key of a zoo.
        _ = await new Command("cryptsetup", [
            "luksFormat", "--batch-mode", "--type", string.Create(CultureInfo.InvariantCulture, $"luks{version}"), .. version == 2 ? (string[])["--pbkdf", "pbkdf2"] : [], "--pbkdf-force-iterations", "1000", "--uuid", Uuid(number), disks[0], "-"]) { Input = "key" }.RunAsync(cancel);
    }

    internal override Task<IReadOnlyList<Place>> PlacesAsync(IReadOnlyList<string> disks, CancellationToken cancel) => Task.FromResult<IReadOnlyList<Place>>(version == 1
        ?
        [
            new("mark", 0, 8),
            new("cipher", 8, 32),
            new("payload offset", 104, 4),
            new("key length", 108, 4),
            new("key slot 1", 208, 4),
            new("key slot 1's place", 208 + 40, 8),
            new("key slot 8", 208 + (7 * 48), 48),
            new("header", 0, 592),
        ]
        :
        [
            new("mark", 0, 8),
            new("header", 8, 440),
            new("header checksum", 448, 64),
            new("metadata", 4096, 512),
            new("second header", 16384, 448),
            new("second metadata", 16384 + 4096, 512),
        ]);
}
