using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// The second opinion: qemu must open the image as we describe it, see a disk of the same length, and find no corruption in its
/// metadata. Leaked clusters are lost space, not lost data, and are no error.
/// </summary>
/// <remarks>qemu-img(1), <c>info</c> and <c>check</c>; the check knows qcow2, VDI, VHDX and VMDK.</remarks>
internal static class QemuOpinion
{
    private const int CorruptExitCode = 2, LeakExitCode = 3, UncheckableExitCode = 63;

    /// <summary>Throws SL4013 or SL4014 where qemu sees something else. Raw disks have no metadata to disagree about.</summary>
    public static async Task DemandAsync(ImageReference image, TimeSpan deadline, CancellationToken cancel)
    {
        if (image.Format == ImageFormat.Raw) return;
        // One layer at a time: those below had their own look, and qemu-img info accepts no description of a backing file.
        var node = QemuNode.Json(image with { Backing = null });
        var name = image.Location.ToString();
        var info = await RunAsync(new ChildCommand("qemu-img", "info", "--output=json", node) { Deadline = TimeSpan.FromMinutes(1) }, name, cancel);
        if (Number(info.Output, "virtual-size", name) is var seen && seen != image.VirtualLengthBytes)
            throw ImageErrors.QemuDisagrees(name, $"qemu sees a disk of {seen} bytes, its headers say {image.VirtualLengthBytes}");
        if (image.Format == ImageFormat.Vhd) return;
        var check = await RunAsync(
            new ChildCommand("qemu-img", "check", "--output=json", node) { Deadline = deadline, AcceptedExitCodes = [0, CorruptExitCode, LeakExitCode, UncheckableExitCode] }, name, cancel);
        if (check.ExitCode == UncheckableExitCode) return;
        var corruptions = Number(check.Output, "corruptions", name);
        var errors = Number(check.Output, "check-errors", name);
        if (check.ExitCode == CorruptExitCode || corruptions > 0 || errors > 0)
            throw ImageErrors.CheckFailed(name, $"qemu-img check found {corruptions} corruptions and {errors} errors of its own: {LastLines(check.ErrorTail)}");
    }

    private static async Task<ChildResult> RunAsync(ChildCommand command, string name, CancellationToken cancel)
    {
        try
        {
            return await ChildProcess.RunAsync(command, cancel);
        }
        catch (ChildException e) when (e.Code == "SL1102")
        {
            // Its exit code is a verdict about the image. Not found, killed or too slow stay what they are.
            var said = e.LastWords.Replace(command.Arguments[^1], "it", StringComparison.Ordinal);
            throw ImageErrors.QemuDisagrees(name, $"qemu-img {command.Arguments[0]} refused it: {LastLines(said)}", e);
        }
    }

    private static long Number(string output, string member, string name)
    {
        try
        {
            using var json = JsonDocument.Parse(output);
            return json.RootElement.TryGetProperty(member, out var value) ? value.GetInt64() : 0;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            throw ImageErrors.QemuDisagrees(name, $"qemu-img answered with something else than JSON: {ImageErrors.Printable(output)}", e);
        }
    }

    private static string LastLines(string text) => ImageErrors.Printable(string.Join("; ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(3)));
}
