using Sealift.Cli.Terminal;
using Sealift.Guests;
using Sealift.Guests.Lint;

namespace Sealift.Cli.Tests;

/// <summary>Whatever is found before a migration, somebody says what to do about it.</summary>
public sealed class PreflightAdviceTests
{
    [Fact]
    public void Each_class_has_advice_of_its_own_and_no_other_has() =>
        Assert.Equal(PreflightClasses.All.Select(c => c.Name).Concat(["multi-boot", "ntfs.hibernated", "ntfs.fast-startup"]).Order(StringComparer.Ordinal), PreflightAdvice.Classes.Order(StringComparer.Ordinal));

    [Fact]
    public void An_obstacle_can_be_waived_by_its_name_and_a_warning_need_not_be()
    {
        Assert.Contains("--waive 'preflight.no-space:1b2c=REASON'", FindingAdvice.Of(new Finding("preflight.no-space", FindingSeverity.Obstacle, "1b2c", "disk1", "x")), StringComparison.Ordinal);
        Assert.DoesNotContain("--waive", FindingAdvice.Of(new Finding("preflight.low-space", FindingSeverity.Warning, "1b2c", "disk1", "x")), StringComparison.Ordinal);
        Assert.Contains("powercfg", FindingAdvice.Of(new Finding("ntfs.hibernated", FindingSeverity.Obstacle, "1b2c", "disk1", "x")), StringComparison.Ordinal);
    }
}
