using System.Text.Json;
using Sealift.Guests;
using Sealift.Guests.Boot;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Steps;

/// <summary>
/// Boots the machine that is about to be handed over, on throwaway overlays over its proven disks. A run that was killed left nothing
/// but its overlays in the scratch directory, which the next run empties; so it is simply run again.
/// </summary>
internal sealed class BootCheckStep() : Step(StepName.BootCheck, string.Empty)
{
    // Emulated, a machine takes about ten times as long; most of a boot is waiting, though.
    private const int EmulationFactor = 3;

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5), Standstill = TimeSpan.FromMinutes(1);

    // Log files and temporary files of a boot; what is above it is a guest that does something else.
    private const long OverlayLimitBytes = 4L << 30;

    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var keys = context.Source.Machine.Disks.Select(d => d.Key).ToList();
        foreach (var key in keys) await GateStep.VerifyProvenAsync(context, key, cancel);
        var report = await ReportAsync(context, cancel);
        // They were opened for reading only: a write would be somebody else's, or our own mistake, and voids the proof either way.
        foreach (var key in keys) await GateStep.VerifyProvenAsync(context, key, cancel);

        // The seal has them too; here they can be looked at while the migration waits for somebody to decide.
        if (report.Screen is { } screen) PosixPath.WriteFileDurably(Path.Combine(context.StateDirectory, "boot-check.png"), screen.Png, replace: true, permissions: 0x180 /* 0600 */);
        if (FindingOf(report) is { } finding) context.Events.Send(new FindingReported(StepName.BootCheck, finding));
        var isEnough = report.Outcome == BootOutcome.Booted || (report.Outcome != BootOutcome.Failed && context.Request.BootCheck != BootCheck.Required);
        if (!isEnough) throw new StepRefused(MigrationErrors.DidNotBoot(context.Source.Machine.Name, $"{report.Class}: {report.Said.ReplaceLineEndings(" ")}", context.LogPath(StepName.BootCheck)), Json(report));
        return MigrationContext.Done(Summary(report), report, JournalJson.Default.BootReport);
    }

    /// <summary>What a report adds to the findings; null where it adds nothing.</summary>
    public static Finding? FindingOf(BootReport report) => report.Outcome switch
    {
        BootOutcome.Failed => new Finding(report.Class, FindingSeverity.Damage, "machine", "the new machine", report.Said),
        BootOutcome.Unclear => new Finding(report.Class, FindingSeverity.Note, "machine", "the new machine", report.Said),
        _ => null,
    };

    private static async Task<BootReport> ReportAsync(MigrationContext context, CancellationToken cancel)
    {
        var kvm = await context.Store.KvmUsable(cancel);
        var asked = context.Request.BootCheck.IsAskedFor();
        if (!kvm && !asked) return BootReport.Untried("KVM is not usable on this host, and nobody asked for an emulated boot (--boot-check)");
        try
        {
            await using var shown = await ShownExports.ShowAsync(context, overlays: false, cancel);
            var machine = MachineOf(context, shown);
            var factor = kvm ? 1 : EmulationFactor;
            var options = new BootOptions
            {
                WorkDirectory = context.Scratch,
                LogPath = context.LogPath(StepName.BootCheck),
                Kvm = kvm,
                Deadline = context.Request.BootDeadline ?? Deadline * factor,
                Standstill = Standstill * factor,
                OverlayLimitBytes = Math.Min(OverlayLimitBytes, PosixPath.FreeBytes(context.WorkDirectory) / 2),
            };
            return await context.Store.Booter(machine, options, context.Events.Log(new PlannedStep(StepName.BootCheck, string.Empty)), cancel);
        }
        catch (SealiftException e) when (!asked && e.Code is "SL1101" or "SL5201" or "SL7106")
        {
            // Nobody asked for it, and everything else about the machine is proven: what this host cannot do is said in the seal.
            return BootReport.Untried(e.Message);
        }
        catch (SealiftException e) when (!asked && e.Code is "SL5202" or "SL5203")
        {
            return BootReport.Untried(e.Message) with { Outcome = BootOutcome.Unclear, Class = "boot.broke" };
        }
    }

    private static BootMachine MachineOf(MigrationContext context, ShownExports shown)
    {
        var target = NewMachine.Of(context);
        target.Check();
        var machine = target.Machine;
        BootFirmware? firmware = null;
        if (machine.Firmware == Firmware.Uefi)
        {
            var found = UefiFirmware.Find(machine.SecureBoot) ?? throw MigrationErrors.FirmwareMissing(machine.SecureBoot);
            firmware = new BootFirmware(found.CodePath, found.VariablesPath);
        }

        return new BootMachine
        {
            Name = machine.Name,
            Disks = [.. target.Disks.Zip(DiskDevices.Of(target.Disks), (d, device) => new BootDisk(d.Key, context.DiskPath(d.Key), d.Format, context.Disk(d.Key).Image.VirtualLengthBytes, device.Controller, device.Device) { NbdSocket = shown.SocketOf(d.Key) })],
            OldChipset = target.NeedsIde,
            Cpus = machine.Cpus,
            MemoryBytes = machine.MemoryBytes,
            Firmware = firmware,
            SecureBoot = machine.SecureBoot,
            LocalTime = target.GuestIsWindows,
            HasVirtio = target.Converted,
        };
    }

    private static string Json(BootReport report) => JsonSerializer.Serialize(report, JournalJson.Default.BootReport);

    private static string Summary(BootReport report) => report.Outcome switch
    {
        BootOutcome.Booted => $"booted in {Measures.Elapsed(report.Seconds)} ({report.Accelerator}): {Brief(report)}",
        BootOutcome.Untried => $"not tried: {Brief(report)}",
        _ => $"not proven: {Brief(report)}",
    };

    private static string Brief(BootReport report) => report.Said.Split('\n')[0].TrimEnd('.');
}
