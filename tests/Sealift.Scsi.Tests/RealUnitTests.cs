using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Scsi.Tests;

/// <summary>A target with two units of 16 MiB, the first with random bytes in it.</summary>
public sealed class TwoUnits : IAsyncLifetime
{
    public const int LengthBytes = 16 << 20;

    internal IscsiTarget Target { get; private set; } = null!;

    public string Folder { get; } = Directory.CreateTempSubdirectory("units-").FullName;

    public byte[] Content { get; } = new byte[LengthBytes];

    public async ValueTask InitializeAsync()
    {
        new Random(7).NextBytes(Content);
        await File.WriteAllBytesAsync(File_(1), Content);
        await File.WriteAllBytesAsync(File_(2), new byte[LengthBytes]);
        Target = await IscsiTarget.StartAsync(Folder, [File_(1), File_(2)], [], TestContext.Current.CancellationToken);
    }

    public string File_(int lun) => Path.Combine(Folder, $"unit{lun}.img");

    public ScsiPlace Place(int lun) => ScsiPlace.Of(IscsiUri.Parse(Target.Uri(lun)), new IscsiOptions());

    public async ValueTask DisposeAsync()
    {
        await Target.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}

/// <summary>Against Linux's own target.</summary>
public sealed class RealUnitTests(TwoUnits units) : IClassFixture<TwoUnits>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_unit_says_who_and_what_it_is()
    {
        using var unit = await ScsiUnit.OpenAsync(units.Place(1), mayWrite: false, null, Cancel);
        var facts = unit.Facts;
        Assert.Equal((TwoUnits.LengthBytes / 512, 512u), ((int)facts.Capacity.Blocks, facts.Capacity.BlockBytes));
        Assert.StartsWith("naa.6001405", facts.Identity.Name, StringComparison.Ordinal);
        Assert.NotEmpty(facts.Identity.Serial);
        Assert.NotNull(facts.Identity.ForCopies);
        Assert.True(facts.Inquiry.CopiesThirdParty);
        var (ability, why) = unit.AskCopyAbility(Cancel);
        Assert.NotNull(ability);
        Assert.Equal(string.Empty, why);
        Assert.True(ability.Knows(CopyAbility.BlockToBlock) && ability.Knows(CopyAbility.Identification));
        Assert.Equal([CopyForm.Lid1], ability.Forms);
        TestContext.Current.TestOutputHelper!.WriteLine($"{facts}\n{facts.Identity.Text}\n{ability}");
    }

    [Fact]
    public async Task What_is_written_is_in_the_file_and_what_is_copied_too()
    {
        using var source = await ScsiUnit.OpenAsync(units.Place(1), mayWrite: false, null, Cancel);
        using var target = await ScsiUnit.OpenAsync(units.Place(2), mayWrite: true, null, Cancel);
        Assert.False(source.Facts.Identity.SharesNameWith(target.Facts.Identity));
        var read = new byte[1 << 20];
        source.Read(2048, read, fua: source.Facts.Modes.KnowsFua, Cancel);
        Assert.True(read.AsSpan().SequenceEqual(units.Content.AsSpan(1 << 20, 1 << 20)));

        var words = new byte[4096];
        "written"u8.CopyTo(words);
        target.DemandUnreserved(Cancel);
        target.Write(8, words, Cancel);
        target.Flush(Cancel);
        Assert.True(File.ReadAllBytes(units.File_(2)).AsSpan(4096, 4096).SequenceEqual(words));

        var (ability, _) = target.AskCopyAbility(Cancel);
        var list = CopyList.Of(source.Facts.Identity.ForCopies!, target.Facts.Identity.ForCopies!, 512, ability!.NeedsNoListId, [new CopySegment(0, 0, 32768)]);
        target.Copy(CopyForm.Lid1, list, "the disk", Cancel);
        target.Flush(Cancel);
        Assert.True(File.ReadAllBytes(units.File_(2)).AsSpan().SequenceEqual(units.Content));

        // It does not list LID4, and does not know it: what is believed of a target is what it says.
        var refused = Assert.Throws<ScsiSenseException>(() => target.Copy(CopyForm.Lid4, CopyList.OfLid4(source.Facts.Identity.ForCopies!, target.Facts.Identity.ForCopies!, 512, 1, inBackground: false, [new CopySegment(0, 0, 1)]), "the disk", Cancel));
        Assert.True(refused.Sense.IsRefusal, $"{refused.Sense}");

        Assert.True(target.TryWriteZeroes(2048, 4096, Cancel));
        target.Flush(Cancel);
        var after = File.ReadAllBytes(units.File_(2));
        Assert.False(after.AsSpan(1 << 20, 2 << 20).ContainsAnyExcept((byte)0));
        Assert.True(after.AsSpan(3 << 20).SequenceEqual(units.Content.AsSpan(3 << 20)));
    }
}
