using System.Security.Cryptography;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Guests.Tests;

/// <summary>Runs the scripts of tests/rigs and names what they build.</summary>
internal static class Rigs
{
    /// <summary>The repository's root, which is above the tests.</summary>
    public static string Repository
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "Sealift.slnx"))) folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The repository's root is not above the tests");
            return folder;
        }
    }

    public static async Task RunAsync(string script, params string[] arguments)
    {
        await ChildProcess.RunAsync(
            new ChildCommand("bash", [Path.Combine(Repository, "tests", "rigs", script), .. arguments])
            {
                Deadline = TimeSpan.FromMinutes(5),
                Environment = await Hypervisor.ApplianceEnvironmentAsync(CancellationToken.None),
            },
            CancellationToken.None);
    }

    public static GuestDrive Raw(string key, string path) => new(key, null, path, ImageFormat.Raw);

    public static GuestOptions Options(TemporaryDirectory directory, string name = "guest") => new() { WorkDirectory = directory.Path, LogPath = directory.File(name + ".log") };

    public static async Task<string> HashAsync(string path)
    {
        await using var file = File.OpenRead(path);
        return Convert.ToHexString(await SHA256.HashDataAsync(file));
    }

    public static async Task QemuImgAsync(params string[] arguments) => await ChildProcess.RunAsync(new ChildCommand("qemu-img", arguments), CancellationToken.None);
}
