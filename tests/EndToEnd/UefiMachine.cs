using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>One full migration to qcow2 of a machine that boots by UEFI, by a variable of its own, as most do; it has its root on LVM, and XFS and Btrfs on a second disk.</summary>
public sealed class UefiMachine(Rig rig) : IAsyncLifetime
{
    public string State { get; } = rig.NewDirectory();

    public string Target { get; } = rig.NewDirectory();

    public ChildResult Result { get; private set; } = null!;

    /// <summary>The system disk before the migration.</summary>
    public string SystemDisk { get; } = Path.Combine(rig.NewDirectory(), "system.raw");

    public string Seal => Path.Combine(Target, "uefi.seal.json");

    /// <summary>The predicate of the seal.</summary>
    public JsonElement Predicate => SealFile.PredicateOf(Seal);

    public async ValueTask InitializeAsync()
    {
        var source = rig.NewDirectory();
        var (data, ova) = (Path.Combine(source, "data.raw"), Path.Combine(source, "uefi.ova"));
        await Rig.RunScriptAsync("tiny-guest.sh", "--uefi", "--lvm", "--data", data, SystemDisk);
        await Rig.RunScriptAsync("tiny-ova.sh", "--uefi", SystemDisk, "uefi", ova, data);
        Result = await rig.RunAsync(State, ["migrate", ova, "--to", Target, "--format", "qcow2", "--json"], TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
