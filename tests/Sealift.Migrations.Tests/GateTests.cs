using CsCheck;
using Sealift.Guests;
using Sealift.Migrations.Seals;
using Sealift.Guests.Boot;

namespace Sealift.Migrations.Tests;

public sealed class GateTests
{
    private const string S = "aa", F = "bb";

    [Fact]
    public void Full_evidence_is_sealed() =>
        Perfect.Sample(e =>
        {
            var decision = Gate.Weigh(e);
            Assert.Equal(Verdict.Sealed, decision.Verdict);
            Assert.Empty(decision.Reasons);
        });

    /// <summary>Each piece of evidence, taken away or contradicted alone, closes the gate: whatever the machine looks like.</summary>
    [Fact]
    public void Without_any_single_piece_of_evidence_it_fails() =>
        Perfect.Sample(e =>
        {
            foreach (var (name, poorer) in Poorer(e))
            {
                var decision = Gate.Weigh(poorer);
                Assert.True(decision.Verdict == Verdict.Failed, $"{name}: {decision.Verdict}");
                Assert.NotEmpty(decision.Reasons);
            }
        });

    [Fact]
    public void New_damage_is_fatal_even_if_waived()
    {
        var e = Example with { Waivers = [new Waiver("ext4.errors", "uuid", "known")] };
        Assert.Equal(Verdict.Failed, Gate.Weigh(With(e, [], [Damage])).Verdict);
    }

    [Fact]
    public void A_note_that_becomes_damage_is_new_damage()
    {
        var e = Example with { Waivers = [new Waiver("ext4.errors", "uuid", "known")] };
        Assert.Equal(Verdict.Failed, Gate.Weigh(With(e, [Damage with { Severity = FindingSeverity.Note }], [Damage])).Verdict);
    }

    [Fact]
    public void Inherited_damage_is_fatal_unless_waived_by_class_and_file_system_and_accepted()
    {
        var damaged = With(Example, [Damage], [Damage]);
        Assert.Equal(Verdict.Failed, Gate.Weigh(damaged with { AcceptDegraded = true }).Verdict);
        Assert.Equal(Verdict.Failed, Gate.Weigh(damaged with { AcceptDegraded = true, Waivers = [new Waiver("ext4.errors", "other", "x")] }).Verdict);
        Assert.Equal(Verdict.Failed, Gate.Weigh(damaged with { AcceptDegraded = true, Waivers = [new Waiver("ext4.other", "uuid", "x")] }).Verdict);
        var waived = damaged with { Waivers = [new Waiver("ext4.errors", "uuid", "since May")] };
        Assert.Equal(Verdict.Failed, Gate.Weigh(waived).Verdict);
        var decision = Gate.Weigh(waived with { AcceptDegraded = true });
        Assert.Equal(Verdict.Degraded, decision.Verdict);
        Assert.Contains("since May", Assert.Single(decision.Reasons), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_checks_it_is_never_sealed()
    {
        var e = Example with { CheckRequired = false, Before = null, After = null, Committed = null };
        Assert.Equal(Verdict.Failed, Gate.Weigh(e).Verdict);
        Assert.Equal(Verdict.Degraded, Gate.Weigh(e with { AcceptDegraded = true }).Verdict);
    }

    [Fact]
    public void Notes_change_nothing() =>
        Assert.Equal(Verdict.Sealed, Gate.Weigh(With(Example, [], [Damage with { Severity = FindingSeverity.Note }])).Verdict);

    [Fact]
    public void Warnings_leave_the_verdict_as_it_is()
    {
        var warning = new Finding("preflight.fstab-device", FindingSeverity.Warning, "uuid", "disk1 partition 1", "by path");
        Assert.Equal(FindingStanding.Warning, Assert.Single(DamageWeighing.Before([warning], [])).Standing);
        Assert.Equal(Verdict.Sealed, Gate.Weigh(With(Example, [warning], [])).Verdict);
        Assert.Equal(Verdict.Sealed, Gate.Weigh(With(Example, [], [warning])).Verdict);
        // What was only a warning excuses no damage.
        Assert.Equal(Verdict.Failed, Gate.Weigh(With(Example, [Damage with { Severity = FindingSeverity.Warning }], [Damage])).Verdict);
    }

    [Fact]
    public void An_obstacle_is_fatal_unless_waived_by_class_and_file_system_and_accepted()
    {
        var obstacle = new Finding("preflight.no-space", FindingSeverity.Obstacle, "uuid", "disk1 partition 1", "full");
        var stopped = With(Example with { AcceptDegraded = true }, [obstacle], []);
        Assert.Equal(Verdict.Failed, Gate.Weigh(stopped).Verdict);
        Assert.Equal(Verdict.Failed, Gate.Weigh(stopped with { Waivers = [new Waiver("preflight.no-space", "machine", "x")] }).Verdict);
        Assert.Equal(Verdict.Degraded, Gate.Weigh(stopped with { Waivers = [new Waiver("preflight.no-space", "uuid", "x")] }).Verdict);
        Assert.Equal(Verdict.Failed, Gate.Weigh(With(Example, [], [obstacle])).Verdict);
    }

    /// <summary>Where nobody requires it, a boot of which nothing was seen is a note; the seal says so.</summary>
    [Theory]
    [InlineData(BootOutcome.Unclear)]
    [InlineData(BootOutcome.Untried)]
    public void A_boot_that_was_not_seen_closes_the_gate_only_where_it_is_required(BootOutcome outcome) =>
        Assert.Equal(Verdict.Sealed, Gate.Weigh(Example with { Boot = new BootEvidence(outcome, "x") }).Verdict);

    [Theory]
    [InlineData("ext4.errors:uuid=since May", true)]
    [InlineData("ext4.errors:disk1/2=a=b:c", true)]
    [InlineData("ext4.errors=reason", false)]
    [InlineData("ext4.errors:uuid", false)]
    [InlineData("ext4.errors:uuid= ", false)]
    [InlineData(":uuid=x", false)]
    [InlineData("class:=x", false)]
    public void A_waiver_names_class_file_system_and_reason(string text, bool good)
    {
        if (good) Assert.Equal("ext4.errors", Waiver.Parse(text).Class);
        else Assert.Equal("SL7020", Assert.ThrowsAny<Posix.SealiftException>(() => Waiver.Parse(text)).Code);
    }

    private static Finding Damage => new("ext4.errors", FindingSeverity.Damage, "uuid", "disk1 partition 1", "bad");

    private static GateEvidence Example => Evidence(2, convert: true, accept: false);

    private static Gen<GateEvidence> Perfect => Gen.Select(Gen.Int[1, 4], Gen.Bool, Gen.Bool, Evidence);

    private static GateEvidence Evidence(int disks, bool convert, bool accept)
    {
        var keys = Enumerable.Range(1, disks).Select(i => $"disk{i}").ToList();
        return new GateEvidence(
            keys,
            CheckRequired: true,
            ConversionRequired: convert,
            [],
            accept,
            [.. keys.Select(k => new DiskEvidence(k, S, S, convert ? F : null, convert ? F : null, convert ? F : null))],
            SourceUnchanged: true,
            new CheckEvidence([], ["uuid", "uuid2"]),
            new CheckEvidence([], ["uuid", "uuid2", "uuid3"]),
            convert ? true : null)
        {
            Committed = convert ? new CheckEvidence([], ["uuid"]) : null,
            BootPlanned = convert,
            Boot = convert ? new BootEvidence(BootOutcome.Booted, "login:") : null,
        };
    }

    private static GateEvidence With(GateEvidence e, Finding[] before, Finding[] after) =>
        e with { Before = e.Before! with { Findings = before }, After = e.After! with { Findings = after } };

    private static IEnumerable<(string Name, GateEvidence Evidence)> Poorer(GateEvidence e)
    {
        yield return ("no disks", e with { DiskKeys = [], Disks = [] });
        yield return ("source not measured", e with { SourceUnchanged = null });
        yield return ("source changed", e with { SourceUnchanged = false });
        yield return ("no check before", e with { Before = null });
        yield return ("no check after", e with { After = null });
        yield return ("a file system lost", e with { After = e.After! with { CheckedFilesystems = ["uuid"] } });
        yield return ("inherited damage", With(e, [Damage], []));
        yield return ("new damage", With(e, [], [Damage]));
        if (e.ConversionRequired)
        {
            yield return ("committed disks not checked", e with { Committed = null });
            yield return ("damage in the committed disks", e with { Committed = e.Committed! with { Findings = [Damage] } });
            yield return ("not converted", e with { Converted = null });
            yield return ("conversion failed", e with { Converted = false });
            yield return ("boot not tried", e with { Boot = null });
            yield return ("did not boot", e with { Boot = new BootEvidence(BootOutcome.Failed, "panic") });
            yield return ("boot unclear", e with { BootRequired = true, Boot = new BootEvidence(BootOutcome.Unclear, "deadline") });
            yield return ("boot untried", e with { BootRequired = true, Boot = new BootEvidence(BootOutcome.Untried, "no KVM") });
            yield return ("boot required and not planned", e with { BootPlanned = false, BootRequired = true, Boot = null });
        }

        for (var i = 0; i < e.Disks.Count; i++)
        {
            var at = i;
            GateEvidence Replace(Func<DiskEvidence, DiskEvidence> change) => e with { Disks = [.. e.Disks.Select((d, j) => j == at ? change(d) : d)] };
            yield return ($"{at} missing", e with { Disks = [.. e.Disks.Where((_, j) => j != at)] });
            yield return ($"{at} twice", e with { Disks = [.. e.Disks, e.Disks[at]] });
            yield return ($"{at} no S", Replace(d => d with { SourceRoot = null }));
            yield return ($"{at} no S, no T", Replace(d => d with { SourceRoot = null, TargetRoot = null }));
            yield return ($"{at} empty S and T", Replace(d => d with { SourceRoot = "", TargetRoot = "" }));
            yield return ($"{at} no T", Replace(d => d with { TargetRoot = null }));
            yield return ($"{at} other T", Replace(d => d with { TargetRoot = "cc" }));
            if (!e.ConversionRequired) continue;
            yield return ($"{at} no F", Replace(d => d with { ExpectedRoot = null }));
            yield return ($"{at} not committed", Replace(d => d with { CommittedRoot = null }));
            yield return ($"{at} committed other", Replace(d => d with { CommittedRoot = "cc" }));
            yield return ($"{at} not proven", Replace(d => d with { FinalRoot = null }));
            yield return ($"{at} proven other", Replace(d => d with { FinalRoot = "cc" }));
            yield return ($"{at} nothing after conversion", Replace(d => d with { ExpectedRoot = null, CommittedRoot = null, FinalRoot = null }));
        }
    }
}
