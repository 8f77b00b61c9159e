using System.Collections.Concurrent;
using Sealift.Bench.FileSystems.Formats;
using Sealift.Guests.Ntfs;

namespace Sealift.Guests.Tests.Ntfs;

/// <summary>The volumes of tests/rigs/ntfs-volumes.sh, built once.</summary>
public sealed class NtfsVolumes : IAsyncLifetime
{
    private readonly TemporaryDirectory directory = new();
    private readonly ConcurrentDictionary<string, byte[]> read = new();

    public static IReadOnlyList<string> Healthy { get; } = ["plain", "large", "small", "sector4k", "mixed", "compressed", "full", "shredded", "many", "asleep"];

    public async ValueTask InitializeAsync() => await Rigs.RunAsync("ntfs-volumes.sh", directory.Path);

    public ValueTask DisposeAsync()
    {
        directory.Dispose();
        return ValueTask.CompletedTask;
    }

    public string Path(string name) => directory.File(name + ".img");

    /// <summary>A file in the fixture's directory.</summary>
    public string Scratch(string name) => directory.File(name);

    /// <summary>A volume's bytes; whoever changes them works on a copy or changes them back.</summary>
    public byte[] Bytes(string name) => read.GetOrAdd(name, n => File.ReadAllBytes(Path(n)));

    internal static Task<NtfsReport> CheckAsync(ReadOnlyMemory<byte> bytes, NtfsLimits? limits = null) =>
        NtfsVerifier.RunAsync(new MemoryVolume(bytes), limits, TestContext.Current.CancellationToken);
}

[CollectionDefinition(nameof(NtfsVolumes))]
public sealed class NtfsVolumesCollection : ICollectionFixture<NtfsVolumes>;
