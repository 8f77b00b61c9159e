using System.Text;
using Sealift.Guests.Luks;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Validation;
using Sealift.Posix;

namespace Sealift.Plans.Tests.Running;

/// <summary>Keys of encrypted volumes in plans: a path, and never a file that others may read.</summary>
public sealed class PlanKeysTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-keys-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData(0x180, null)] // 0600
    [InlineData(0x100, null)] // 0400
    [InlineData(0x1A0, "0640")]
    [InlineData(0x184, "0604")]
    [InlineData(0x190, "0620")]
    public void A_file_that_others_may_read_or_write_is_refused(int mode, string? said)
    {
        var file = Write("web.key", mode);
        var source = new VolumeKeySource("all", file);
        if (said is null)
        {
            using var key = PlanKeys.Read(source);
            Assert.Equal("all", key.Selector);
            return;
        }

        var refused = Assert.Throws<SealiftException>(() => PlanKeys.Read(source));
        Assert.Equal("SL7666", refused.Code);
        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_file_is_refused_and_a_key_that_would_be_asked_for_too()
    {
        Assert.Equal("SL7666", Assert.Throws<SealiftException>(() => PlanKeys.Read(new VolumeKeySource("all", directory))).Code);
        Assert.StartsWith("SL1", Assert.ThrowsAny<SealiftException>(() => PlanKeys.Read(new VolumeKeySource("all", Path.Combine(directory, "none")))).Code, StringComparison.Ordinal);
        Assert.Equal("SL7665", Assert.Throws<SealiftException>(() => PlanKeys.Read(new VolumeKeySource("all", null))).Code);
    }

    [Fact]
    public async Task The_keys_of_a_machine_come_before_those_of_the_plan_and_validation_looks_at_their_files()
    {
        const string Volume = "1b2c7c1e-5d0f-4c6b-9a55-2f1f4f0e8a11";
        var (open, shut) = (Write("open.key", 0x1A4 /* 0644 */), Write("shut.key", 0x180));
        var spec = Scheduling.Plans.Of(new PlannedMachine { Name = "a.raw", LuksKeys = [new PlannedKey { Volume = Volume.ToUpperInvariant(), File = shut }, new PlannedKey { Volume = "all", File = open }] }, new PlannedMachine { Name = "b.raw" }) with { LuksKeys = [new PlannedKey { Volume = "all", File = shut }] };
        var documents = Documents(spec);
        Assert.Equal([new VolumeKeySource(Volume, shut), new VolumeKeySource("all", open)], PlanTranslation.RequestOf(documents, spec.Vms[0], null).LuksKeys);
        Assert.Equal([new VolumeKeySource("all", shut)], PlanTranslation.RequestOf(documents, spec.Vms[1], null).LuksKeys);

        var report = await PlanValidation.LookAsync((_, _) => throw new SealiftException("SL0000", "look", "it", "no", "wait"), documents, DateTimeOffset.UtcNow, 1, TimeSpan.FromMinutes(1), null, TestContext.Current.CancellationToken);
        Assert.Equal(["spec.vms[0].luksKeys"], report.Problems.Where(p => p.Code == "SL7666").Select(p => p.Field));

        Assert.Equal(["spec.luksKeys", "spec.vms[0].luksKeys"], PlanValidation.Check(Documents(spec with { Check = false, AcceptDegraded = true }), DateTimeOffset.UtcNow).Where(p => p.Code == "SL7667").Select(p => p.Field));
        Assert.Equal(["spec.luksKeys"], PlanValidation.Check(Documents(spec with { LuksKeys = [new PlannedKey { Volume = Volume, File = shut }] }), DateTimeOffset.UtcNow).Where(p => p.Code == "SL7667").Select(p => p.Field));
    }

    private PlanDocuments Documents(PlanSpec spec)
    {
        var plan = new PlanDocument { Metadata = new DocumentMetadata { Name = "plan" }, Spec = spec };
        return new PlanDocuments(plan,
        [
            new ProviderDocument { Metadata = new DocumentMetadata { Name = "source" }, Spec = new ProviderSpec { Type = ProviderType.Image, Url = directory } },
            new ProviderDocument { Metadata = new DocumentMetadata { Name = "target" }, Spec = new ProviderSpec { Type = ProviderType.Directory, Url = directory } },
        ]);
    }

    private string Write(string name, int mode)
    {
        var path = Path.Combine(directory, name);
        PosixPath.WriteFileDurably(path, Encoding.UTF8.GetBytes("s3cret\n"), replace: true, 0x180);
        PosixPath.SetPermissions(path, mode);
        return path;
    }
}
