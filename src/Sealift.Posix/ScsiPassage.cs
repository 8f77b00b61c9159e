namespace Sealift.Posix;

/// <summary>How the kernel carried a SCSI command to a device; SG_IO of scsi/sg.h. What the device itself said is in the status and the sense data.</summary>
/// <param name="Status">The device's status byte: 0 is GOOD. It counts only where the other two report no trouble.</param>
/// <param name="HostStatus">What the host adapter's driver reports: 0 is none, 3 that the command took too long (DID_TIME_OUT).</param>
/// <param name="DriverStatus">What the kernel's own layers report: 0 is none, 8 that there are sense data.</param>
/// <param name="LeftBytes">How many bytes less than asked for were transferred.</param>
/// <param name="SenseBytes">How many bytes of sense data came.</param>
public readonly record struct ScsiPassage(byte Status, int HostStatus, int DriverStatus, int LeftBytes, int SenseBytes);
