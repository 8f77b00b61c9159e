using Sealift.Bench.MutationExample;

namespace Sealift.Bench.Mutation.Tests;

/// <summary>The tests of the example. They leave a hole on purpose, and <see cref="CampaignTests"/> looks whether it is seen.</summary>
public sealed class VaultTests
{
    [Fact]
    public void No_more_is_taken_than_there_is()
    {
        Assert.Equal(3, Vault.Take(5, 2));
        Assert.Equal(0, Vault.Take(5, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => Vault.Take(5, 6));
    }

    [Fact]
    public void Halving_comes_to_an_end() => Assert.Equal(3, Vault.Halvings(8));
}
