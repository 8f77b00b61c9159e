using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>How much memory an inventory takes, which is told only where nothing else runs.</summary>
[Collection(nameof(FlatInventory))]
public sealed class FlatInventoryTests
{
    private const int Machines = 5000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Five_thousand_machines_with_their_concerns_take_the_memory_of_a_page()
    {
        await using var server = await VCenter.StartAsync(Cancel, Machines);
        await using var client = await server.ConnectAsync(Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        var examination = await VSphereExamination.PrepareAsync(client, inventory.Names, Cancel);
        var (atFifth, most) = await MostAsync(inventory.MachinesAsync(new InventoryFilter { Power = "poweredOn" }, Cancel));
        AssertFlat(atFifth, most);
        (atFifth, most) = await MostAsync(MachinesOf(examination.EachAsync(inventory.MachinesAsync(InventoryFilter.Everything, Cancel), _ => true, null, Cancel)));
        AssertFlat(atFifth, most);
    }

    // What is kept of each machine that was told is its reference, so that none is told twice: some 200 bytes. All that is read of one is some ten thousand.
    private static void AssertFlat(long atFifth, long most)
    {
        const int KeptBytes = 600, PageBytes = 8 << 20;
        Assert.True(most < PageBytes + (Machines * KeptBytes) && most - atFifth < PageBytes + (Machines * KeptBytes), $"{atFifth} bytes after a fifth, {most} at most");
    }

    /// <summary>How much more memory is in use after a fifth of the machines, and at most, than before.</summary>
    private static async Task<(long AtFifth, long Most)> MostAsync(IAsyncEnumerable<Sealift.VSphere.VirtualMachine> machines)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        long atFifth = 0, most = 0;
        var count = 0;
        await foreach (var machine in machines)
        {
            Assert.NotEmpty(machine.Name);
            count++;
            if (count % (Machines / 10) != 1) continue;
            most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
            if (count < Machines / 5) atFifth = most;
        }

        Assert.Equal(Machines, count);
        return (atFifth, most);
    }

    private static async IAsyncEnumerable<Sealift.VSphere.VirtualMachine> MachinesOf(IAsyncEnumerable<ExaminedMachine> examined)
    {
        await foreach (var one in examined) yield return one.Machine;
    }
}

/// <summary>Runs alone.</summary>
[CollectionDefinition(nameof(FlatInventory), DisableParallelization = true)]
public sealed class FlatInventory;
