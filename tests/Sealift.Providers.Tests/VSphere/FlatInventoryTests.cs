using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>How much memory an inventory takes, which is told only where nothing else runs.</summary>
[Collection(nameof(FlatInventory))]
public sealed class FlatInventoryTests
{
    private const int Machines = 5000;

    // What is kept of each machine that was told is its reference, so that none is told twice: two strings of some 30 bytes and an entry of a table that doubles.
    private const int KeptBytes = 400;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Five_thousand_machines_with_their_concerns_take_the_memory_of_a_page()
    {
        await using var server = await VCenter.StartAsync(Cancel, Machines);
        await using var client = await server.ConnectAsync(Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        var examination = await VSphereExamination.PrepareAsync(client, inventory.Names, Cancel);
        var filtered = await GrowthAsync(inventory.MachinesAsync(new InventoryFilter { Power = "poweredOn" }, Cancel));
        var examined = await GrowthAsync(MachinesOf(examination.EachAsync(inventory.MachinesAsync(InventoryFilter.Everything, Cancel), _ => true, null, Cancel)));
        var bound = (Machines * 4 / 5) * KeptBytes;
        Assert.True(filtered < bound && examined < bound, $"grew by {filtered}, {examined} bytes; all of the machines would be ten times {bound}");
    }

    /// <summary>How much more memory is in use after all machines than after a fifth of them.</summary>
    private static async Task<long> GrowthAsync(IAsyncEnumerable<Sealift.VSphere.VirtualMachine> machines)
    {
        long atFifth = 0, atEnd = 0;
        var count = 0;
        await foreach (var machine in machines)
        {
            Assert.NotEmpty(machine.Name);
            count++;
            // At the same place of a page and of a batch.
            if (count == Machines / 5) atFifth = GC.GetTotalMemory(forceFullCollection: true);
            if (count == Machines) atEnd = GC.GetTotalMemory(forceFullCollection: true);
        }

        Assert.Equal(Machines, count);
        return atEnd - atFifth;
    }

    private static async IAsyncEnumerable<Sealift.VSphere.VirtualMachine> MachinesOf(IAsyncEnumerable<ExaminedMachine> examined)
    {
        await foreach (var one in examined) yield return one.Machine;
    }
}

/// <summary>Runs alone.</summary>
[CollectionDefinition(nameof(FlatInventory), DisableParallelization = true)]
public sealed class FlatInventory;
