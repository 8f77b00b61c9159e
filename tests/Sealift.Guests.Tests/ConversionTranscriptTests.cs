namespace Sealift.Guests.Tests;

public class ConversionTranscriptTests
{
    [Theory]
    [InlineData("virtio-blk", "virtio-net", "q35", "virtio-blk", "virtio")]
    [InlineData("virtio-scsi", "e1000", "q35", "virtio-scsi", "e1000")]
    [InlineData("ide", "rtl8139", "i440fx", "ide", "rtl8139")]
    [InlineData("ide", "e1000", "q35", "sata", "e1000")]
    public void Devices_are_read_from_the_verbose_log(string block, string net, string machine, string bus, string model)
    {
        var transcript = new ConversionTranscript();
        foreach (var line in (string[])[$"gcaps_block_bus = {block}", $"gcaps_net_bus = {net}", $"gcaps_machine = {machine}"]) transcript.HearError(line);
        Assert.True(transcript.KnowsDevices);
        Assert.Equal((bus, model), (transcript.BlockBus, transcript.NetModel));
    }

    [Fact]
    public void Silence_about_devices_means_what_every_system_can_drive_and_is_known()
    {
        var transcript = new ConversionTranscript();
        transcript.HearError("gcaps_block_bus = quantum");
        Assert.False(transcript.KnowsDevices);
        Assert.Equal(("sata", "e1000"), (transcript.BlockBus, transcript.NetModel));
    }

    [Fact]
    public void What_a_guest_forges_early_is_overruled_by_what_virt_v2v_says_last()
    {
        var transcript = new ConversionTranscript();
        transcript.HearError("gcaps_block_bus = ide");
        transcript.HearError("[   12.0] gcaps_block_bus = ide");
        transcript.HearError("gcaps_block_bus = virtio-blk");
        transcript.HearError("libguestfs: trace: gcaps_block_bus = ide");
        Assert.Equal("virtio-blk", transcript.BlockBus);
    }

    [Theory]
    [InlineData(1, FindingSeverity.Note)]
    [InlineData(2, FindingSeverity.Warning)]
    [InlineData(null, FindingSeverity.Damage)]
    public void An_unmanageable_boot_loader_matters_where_there_is_a_choice_of_kernels(int? kernels, FindingSeverity severity)
    {
        var transcript = new ConversionTranscript();
        if (kernels is { } n)
        {
            transcript.HearError("kernels offered by the bootloader in this guest (first in list is default):");
            for (var i = 0; i < n; i++)
            {
                transcript.HearError($"* linux-image-{i}");
                transcript.HearError("\t/boot/vmlinuz");
            }

            transcript.HearError("libguestfs: trace: something");
            transcript.HearError("* not a kernel");
        }

        Assert.Equal(kernels, transcript.Kernels);
        transcript.HearOutput("""{ "message": "could not determine a way to update the configuration of Grub2", "type": "warning" }""");
        Assert.Equal(severity, ConversionWarnings.Judge(Assert.Single(transcript.Warnings), transcript.Kernels));
    }

    [Theory]
    [InlineData("something nobody has seen before", FindingSeverity.Damage)]
    [InlineData("there is no QEMU Guest Agent for this guest", FindingSeverity.Note)]
    public void An_unknown_warning_is_damage(string warning, FindingSeverity severity) => Assert.Equal(severity, ConversionWarnings.Judge(warning, 1));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{ "type": 3, "message": {} }""")]
    [InlineData("[  1.0] Opening the source")]
    public void Lines_that_are_no_messages_say_nothing(string line)
    {
        var transcript = new ConversionTranscript();
        Assert.Null(transcript.HearOutput(line));
        Assert.Empty(transcript.Warnings);
        Assert.Empty(transcript.Errors);
    }
}
