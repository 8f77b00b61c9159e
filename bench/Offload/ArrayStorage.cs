using Sealift.Bench.Copies;
using Sealift.Rigs;

namespace Sealift.Bench.Offloads;

/// <summary>Two units of an array that copies by itself: Linux's target in a virtual machine, whose disks are two files of this host.</summary>
internal sealed class ArrayStorage : IStorage
{
    private readonly IscsiTarget target;
    private readonly CountingProxy proxy;
    private readonly Clock clock;
    private readonly long lengthBytes;

    private ArrayStorage(IscsiTarget target, Clock clock, long lengthBytes) => (this.target, proxy, this.clock, this.lengthBytes) = (target, new CountingProxy(target.Port), clock, lengthBytes);

    /// <summary>The URI of the source's unit.</summary>
    public string Source => UriOf(1);

    /// <summary>The URI of the target's unit.</summary>
    public string Target => UriOf(2);

    /// <summary>Starts it.</summary>
    /// <param name="scratch">Where its disks are.</param>
    /// <param name="source">The file of the source's unit.</param>
    /// <param name="destination">That of the target's; it is made.</param>
    /// <param name="lengthBytes">Of each.</param>
    /// <param name="clock">Runs what is needed.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<ArrayStorage> StartAsync(Scratch scratch, string source, string destination, long lengthBytes, Clock clock, CancellationToken cancel)
    {
        RawFiles.MakeEmpty(scratch.In(destination), lengthBytes);
        return new ArrayStorage(await IscsiTarget.StartAsync(scratch.In("."), [scratch.In(source), scratch.In(destination)], [], cancel), clock, lengthBytes) { Destination = destination };
    }

    private string Destination { get; init; } = string.Empty;

    /// <inheritdoc/>
    public async Task PrepareAsync(CancellationToken cancel) => _ = await clock.RunAsync($"truncate -s 0 {Destination} && truncate -s {lengthBytes} {Destination}", cancel); // says nothing

    /// <inheritdoc/>
    public Task<(long ReadBytes, long WrittenBytes)> MovedAsync(CancellationToken cancel) => Task.FromResult((proxy.ReceivedBytes, proxy.SentBytes));

    public async ValueTask DisposeAsync()
    {
        await proxy.DisposeAsync();
        await target.DisposeAsync();
    }

    private string UriOf(int lun) => target.Uri(lun).Replace($":{target.Port}/", $":{proxy.Port}/", StringComparison.Ordinal);
}
