using System.Text.Json.Serialization;
using Sealift.Disks;

namespace Sealift.Migrations.Seals;

/// <summary>When the target of a machine that ran was read back. It is as expected leaf by leaf: each at the time at which it was read back.</summary>
/// <param name="Scope">How much was to be read back with the machine off.</param>
/// <param name="EndBytes">Bytes that were read back with the machine off, zeros in believed holes among them.</param>
/// <param name="EarlierBytes">Bytes that were read back while it ran, were not written since, and were not read again.</param>
/// <param name="Since">The time that none of the latter was read back before; null where there are none.</param>
public sealed record SealedReadBack(
    [property: JsonConverter(typeof(LowerCaseName<ReadBackScope>))] ReadBackScope Scope, long EndBytes, long EarlierBytes, DateTimeOffset? Since)
{
    internal static SealedReadBack Of(ReadBackScope scope, long lengthBytes, ReadBackResult found, DateTimeOffset since) =>
        new(scope, lengthBytes - found.ProvenBytes, found.ProvenBytes, found.ProvenBytes == 0 ? null : since);
}
