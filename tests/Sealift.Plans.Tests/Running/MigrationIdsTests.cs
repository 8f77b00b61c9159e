using Microsoft.Extensions.Time.Testing;
using Sealift.Plans.Running;
using Sealift.Providers;

namespace Sealift.Plans.Tests.Running;

public sealed class MigrationIdsTests
{
    [Fact]
    public void None_is_given_twice_in_one_second()
    {
        var ids = new MigrationIds(new FakeTimeProvider(Scheduling.Plans.Start));
        Assert.Distinct(Enumerable.Range(0, 20_000).Select(_ => ids.Next())); // of which fifteen pairs would meet, were they not remembered
    }

    [Fact]
    public void A_node_of_QEMU_may_be_named_after_it() =>
        Assert.InRange($"{RunningSource.Prefix}{new MigrationIds(TimeProvider.System).Next()}-d64".Length, 1, 31);
}
