using System.Globalization;

namespace Sealift.VSphere;

/// <content>Changed areas of disks.</content>
public sealed partial class VSphereClient
{
    /// <summary>The change id that stands for the beginning of all: every area that is allocated.</summary>
    public const string AllAllocated = "*";

    /// <summary>The disks as a snapshot has them: with the change ids that its point in time is asked for by later.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="cancel">Stops waiting.</param>
    public async Task<IReadOnlyList<VirtualDisk>> SnapshotDisksAsync(ManagedReference snapshot, CancellationToken cancel)
    {
        const string Property = "config.hardware.device";
        const string Attempt = "read the disks of a snapshot";
        var one = await RetrieveOneAsync(snapshot, [Property], cancel);
        if (one.Missing.TryGetValue(Property, out var why)) throw VSphereErrors.Refused(Attempt, SubjectOf(snapshot), why);
        return one[Property] is { } devices ? Understand(Attempt, SubjectOf(snapshot), () => MachineDevices.Of(devices.Children).Disks) : [];
    }

    /// <summary>Asks which areas of a disk changed between two points in time, for all of the disk.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="snapshot">The later point in time. A machine that runs has to have one.</param>
    /// <param name="deviceKey">The disk.</param>
    /// <param name="changeId">The earlier point in time: the <see cref="VirtualDisk.ChangeId"/> that the disk had there, or <see cref="AllAllocated"/>.</param>
    /// <param name="capacityBytes">How long the disk is in that snapshot.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>Within the disk, in order, none touching the next. It is a claim of the server's, and no proof.</returns>
    /// <exception cref="VSphereFaultException">The server refused: SL3315 mostly means that the tracking began anew since.</exception>
    /// <exception cref="VSphereException">SL3321: the answers cannot be.</exception>
    public Task<IReadOnlyList<DiskArea>> ChangedAreasAsync(ManagedReference machine, ManagedReference? snapshot, int deviceKey, string changeId, long capacityBytes, CancellationToken cancel)
    {
        const string Operation = "QueryChangedDiskAreas";
        var subject = string.Create(CultureInfo.InvariantCulture, $"{SubjectOf(machine)}, disk {deviceKey}");
        return ChangedAreas.CollectAsync(subject, capacityBytes, async offset =>
        {
            var reply = await CallAsync(Operation, machine, w =>
            {
                w.ReferenceIfAny("snapshot", snapshot);
                w.Number("deviceKey", deviceKey);
                w.Number("startOffset", offset);
                w.Text("changeId", changeId);
            }, Repeat.Anytime, cancel);
            return Understand($"run {Operation}", subject, () =>
            {
                var info = reply.Require("returnval");
                return new ChangedAreaPage(
                    info.Require("startOffset").AsNumber(),
                    info.Require("length").AsNumber(),
                    [.. info.All("changedArea").Select(a => (a.Require("start").AsNumber(), a.Require("length").AsNumber()))]);
            });
        });
    }
}
