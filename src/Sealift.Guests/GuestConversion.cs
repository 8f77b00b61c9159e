using System.Text;
using Sealift.Guests.Luks;
using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>What is to be converted.</summary>
/// <param name="MachineName">The machine's name.</param>
/// <param name="Drives">All disks of the machine, in order, as image files: <b>they are written to</b>, so give overlays.</param>
/// <param name="Uefi">Whether the machine boots by UEFI.</param>
/// <param name="Cpus">Number of virtual CPUs, at least 1.</param>
/// <param name="MemoryBytes">Memory in bytes.</param>
/// <param name="Options">Where to work and how long it may take.</param>
public sealed record ConversionRequest(string MachineName, IReadOnlyList<GuestDrive> Drives, bool Uefi, int Cpus, long MemoryBytes, GuestOptions Options)
{
    /// <summary>The UUIDs of the encrypted volumes that <see cref="GuestOptions.Keys"/> opened (<see cref="GuestInspection.OpenedVolumes"/>).</summary>
    public IReadOnlyList<string> OpenedVolumes { get; init; } = [];

    /// <summary>Addresses for network interfaces, as virt-v2v's <c>--mac</c> takes them.</summary>
    public IReadOnlyList<string> StaticAddresses { get; init; } = [];

    /// <summary>Whether its boot loader is to be put where UEFI finds it without variables, because it is not there yet (<see cref="GuestInspection.HasFallbackLoader"/>).</summary>
    public bool AddFallbackLoader { get; init; }
}

/// <summary>What the conversion did, and which devices the guest now expects.</summary>
/// <param name="BlockBus"><c>virtio-blk</c>, <c>virtio-scsi</c>, <c>ide</c> or <c>sata</c>.</param>
/// <param name="NetModel">QEMU's or libvirt's name of the network card: <c>virtio</c>, <c>e1000</c>, <c>rtl8139</c>.</param>
/// <param name="Findings">Every warning, of class <c>convert.warning</c>: damage, but for those that are known to be harmless.</param>
/// <param name="Tool">Name and version of the converter.</param>
/// <param name="Elapsed">How long it ran.</param>
public sealed record ConversionResult(string BlockBus, string NetModel, IReadOnlyList<Finding> Findings, string Tool, TimeSpan Elapsed);

/// <summary>Makes a guest fit for KVM (drivers, boot loader, configuration) with virt-v2v-in-place(1).</summary>
public static class GuestConversion
{
    /// <summary>Converts the guest inside the given overlays.</summary>
    /// <param name="request">What is to be converted.</param>
    /// <param name="log">Receives one line for each step, fit for a progress display; null for none.</param>
    /// <param name="cancel">Stops the conversion; the overlays are to be thrown away then.</param>
    /// <exception cref="SealiftException">
    /// SL5001 a drive is not an overlay file; SL5101 the guest cannot be converted, in virt-v2v's own words; SL5102 the converter was
    /// killed, hung or died; SL1101 it is not installed; SL1xxx the log could not be written.
    /// </exception>
    public static async Task<ConversionResult> RunAsync(ConversionRequest request, IProgress<string>? log, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Cpus, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(request.MemoryBytes, 1 << 20);
        var options = request.Options;
        using var toolLog = new ToolLog(options.LogPath);
        using var scratch = new ScratchDirectory(options.WorkDirectory);
        var domain = Path.Combine(scratch.Path, "domain.xml");
        PosixPath.WriteFileDurably(domain, Encoding.UTF8.GetBytes(ConversionDomain.Xml(request)), replace: false, permissions: 0x180 /* 0600 */);

        var transcript = new ConversionTranscript();
        var environment = new Dictionary<string, string?>(await Hypervisor.ApplianceEnvironmentAsync(cancel)) { ["TMPDIR"] = scratch.Path };
        using var keys = new VolumeKeys(options.Keys);
        var command = new ChildCommand("virt-v2v-in-place", ["--verbose", "-x", "--machine-readable=stream:stdout", .. keys.Arguments(request.OpenedVolumes), .. request.StaticAddresses.SelectMany(a => new[] { "--mac", a }), "-i", "libvirtxml", domain])
        {
            Secrets = keys.Secrets,
            StartsOthers = true, // qemu-nbd for each disk, and the appliance
            Deadline = options.Deadline,
            SilenceDeadline = options.SilenceDeadline,
            Environment = environment,
            AcceptedExitCodes = [0, 1, 2], // 1 is its word for "cannot", 2 OCaml's for an exception that nobody caught
            OnOutputLine = line =>
            {
                toolLog.Add(line);
                if (transcript.HearOutput(line) is { } step) log?.Report(step);
            },
            OnErrorLine = line =>
            {
                toolLog.Add(line);
                scratch.NoticeStray(line);
                transcript.HearError(line);
            },
        };
        ChildResult result;
        try
        {
            result = await ChildProcess.RunAsync(command, cancel);
        }
        catch (ChildException e) when (e.Code != "SL1101")
        {
            throw GuestsErrors.ConverterDied(request.MachineName, $"{e.Said.Split("; its last words", 2)[0]}; its last words: {toolLog.LastWords}", options.LogPath, e);
        }

        if (result.ExitCode != 0 || transcript.Errors.Count > 0)
        {
            var said = transcript.Errors.Count > 0 ? string.Join("; ", transcript.Errors).ReplaceLineEndings(" ") : $"exit code {result.ExitCode}; its last words: {toolLog.LastWords}";
            throw GuestsErrors.CannotConvert(request.MachineName, $"virt-v2v says: {said}", options.LogPath);
        }

        toolLog.ThrowIfLost();
        var findings = transcript.Warnings.Select(w => new Finding("convert.warning", ConversionWarnings.Judge(w, transcript.Kernels), "machine", "virt-v2v", w)).ToList();
        if (!transcript.KnowsDevices)
            findings.Add(new Finding("convert.devices-unknown", FindingSeverity.Damage, "machine", "virt-v2v", $"virt-v2v did not say which devices the guest can drive; {transcript.BlockBus} and {transcript.NetModel} are assumed"));
        if (request is { Uefi: true, AddFallbackLoader: true })
        {
            log?.Report("adding the boot loader by UEFI's fallback path");
            if (await FallbackLoader.AddAsync(request.Drives, options, toolLog, scratch, cancel) is { } problem)
                findings.Add(new Finding("convert.boot-loader", FindingSeverity.Damage, "machine", "EFI system partition", $"No boot loader could be put by UEFI's fallback path, so the new machine would find none: {problem}"));
            toolLog.ThrowIfLost();
        }

        return new ConversionResult(transcript.BlockBus, transcript.NetModel, findings, await VersionAsync(cancel), result.Elapsed);
    }

    private static async Task<string> VersionAsync(CancellationToken cancel)
    {
        var version = await ChildProcess.RunAsync(new ChildCommand("virt-v2v-in-place", "--version") { Deadline = TimeSpan.FromMinutes(1) }, cancel);
        return GuestText.Name(version.Output);
    }
}
