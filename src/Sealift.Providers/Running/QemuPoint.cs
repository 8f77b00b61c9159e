using Sealift.Nbd;

namespace Sealift.Providers;

/// <summary>A point in time that was made in a QEMU.</summary>
internal sealed class QemuPoint(QemuMachine machine, bool isStopped, IReadOnlyList<FrozenPart> parts) : ExportedPoint
{
    public IReadOnlyList<FrozenPart> Parts => parts;

    public string Said { get; set; } = isStopped ? "the machine is off or stopped" : "as after a power cut: no guest agent was named";

    public override string Consistency => Said;

    protected override NbdUri UriOf(string key) => machine.UriOf(Part(key));

    protected override IReadOnlyList<string> BitmapsOf(string key) => Part(key).Disk.Since;

    protected override async ValueTask ReleaseAsync() => await machine.ReleaseAsync(this, CancellationToken.None);

    private FrozenPart Part(string key) => parts.Single(p => p.Disk.Key == key);
}

/// <summary>What was made for one disk of a point in time.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Name">The name of its export, and of its job and node where there are.</param>
/// <param name="ScratchPath">Where what the guest overwrites is copied aside; null where the machine is stopped.</param>
internal sealed record FrozenPart(FrozenDisk Disk, string Name, string? ScratchPath);
