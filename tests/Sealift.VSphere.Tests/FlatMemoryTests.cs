using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>How much memory a list takes, which is told only where nothing else runs.</summary>
[Collection(nameof(FlatMemory))]
public sealed class FlatMemoryTests
{
    private const int Machines = 1000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_thousand_machines_come_in_pages_each_once_in_the_memory_of_one_page()
    {
        await using var server = await VCenter.StartAsync(Cancel, Machines);
        var inPages = await MostAsync(server, 50);
        Assert.Equal(1, await server.CountAsync("RetrievePropertiesEx", Cancel));
        Assert.Equal((Machines / 50) - 1, await server.CountAsync("ContinueRetrievePropertiesEx", Cancel));
        Assert.Equal(1, await server.CountAsync("DestroyView", Cancel));
        var atOnce = await MostAsync(server, Machines);
        Assert.True(inPages * 4 < atOnce, $"{inPages} bytes in pages, {atOnce} at once");
    }

    /// <summary>The most memory in use while all are listed, beyond what was in use before.</summary>
    private static async Task<long> MostAsync(VCenter server, int pageObjects)
    {
        await using var client = await VSphereClient.ConnectAsync(server.Options with { PageObjects = pageObjects }, Cancel);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var seen = new HashSet<ManagedReference>();
        long most = 0;
        await foreach (var machine in client.MachinesAsync(null, Cancel))
        {
            Assert.True(seen.Add(machine.Reference));
            if (seen.Count % 100 == 20) most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
        }

        Assert.Equal(Machines, seen.Count);
        return most;
    }
}

/// <summary>Runs alone.</summary>
[CollectionDefinition(nameof(FlatMemory), DisableParallelization = true)]
public sealed class FlatMemory;
