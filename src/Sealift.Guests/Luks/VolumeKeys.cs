using Sealift.Posix;

namespace Sealift.Guests.Luks;

/// <summary>The keys of one run, as a child gets them: each by a descriptor, in order.</summary>
internal sealed class VolumeKeys(IReadOnlyList<VolumeKey> keys) : IDisposable
{
    /// <summary>The most keys: each takes one of the descriptors that a child may have.</summary>
    public const int Limit = ChildSecret.HighestDescriptor - ChildSecret.LowestDescriptor + 1;

    public IReadOnlyList<ChildSecret> Secrets { get; } = keys.Count <= Limit
        ? [.. keys.Select((k, i) => k.ToSecret(ChildSecret.LowestDescriptor + i))]
        : throw GuestsErrors.BadKey("the keys", $"there are {keys.Count}, and at most {Limit} can be given");

    /// <summary>What virt-v2v(1) is told: for each volume that was opened, every key that may be its.</summary>
    public IEnumerable<string> Arguments(IReadOnlyList<string> opened) =>
        opened.SelectMany(uuid => Enumerable.Range(0, keys.Count).Where(i => keys[i].IsFor(uuid)).SelectMany(i => new[] { "--key", $"{uuid}:file:{Secrets[i].Path}" }));

    public void Dispose()
    {
        foreach (var secret in Secrets) secret.Dispose();
    }
}
