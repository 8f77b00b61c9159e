namespace Sealift.Disks.Tests;

/// <summary>Hears of progress at once, on the thread that reports it.</summary>
internal sealed class LastProgress(Action<DiskProgress> report) : IProgress<DiskProgress>
{
    public void Report(DiskProgress value) => report(value);
}
