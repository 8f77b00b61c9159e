using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers;

/// <summary>What became of a machine that is watched.</summary>
public enum MachineChangeKind
{
    /// <summary>It was there when the watching began.</summary>
    Present,

    /// <summary>It is there now, or is meant by the filter now.</summary>
    New,

    /// <summary>Something of it changed.</summary>
    Changed,

    /// <summary>It is gone, or not meant any more.</summary>
    Gone,
}

/// <summary>A machine that is watched, and what became of it.</summary>
/// <param name="Kind">What became of it.</param>
/// <param name="Reference">The machine.</param>
/// <param name="Path">Where it is, or was.</param>
/// <param name="Machine">All of it; null where it is gone.</param>
public sealed record MachineChange(MachineChangeKind Kind, ManagedReference Reference, string Path, Machine? Machine);
