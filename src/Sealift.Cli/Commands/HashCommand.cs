using System.CommandLine;
using Sealift.Blkhash;
using Sealift.Cli.Terminal;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift hash</c>: the blkhash of a disk, the line that <c>blksum</c> prints.</summary>
internal static class HashCommand
{
    public static Command Build()
    {
        var source = new Argument<string>("DISK") { Description = "An image file, a block device, an NBD URI (nbd://, nbds://, nbd+unix://), or - for standard input." };
        var algorithm = new Option<string>("--digest", "-d") { Description = "md5, sha1, sha256 or sha512.", HelpName = "NAME", DefaultValueFactory = _ => "sha256" };
        algorithm.AcceptOnlyFromAmong("md5", "sha1", "sha256", "sha512");
        var blockSize = new Option<int>("--block-size", "-b") { Description = "Block size in bytes, a power of two.", HelpName = "BYTES", DefaultValueFactory = _ => BlkhashParameters.DefaultBlockBytes };
        var map = new Option<string?>("--map") { Description = "Also write the block map to this new file.", HelpName = "FILE" };
        var format = new Option<ImageFormat?>("--format", "-f") { Description = "The format of the image; by default from its content, and a file that is no image is hashed as it is.", HelpName = "FORMAT" };
        var backing = new Option<string?>("--allow-backing") { Description = "Let the image name backing and data files inside this directory.", HelpName = "DIR" };
        var command = new Command("hash", "Print the blkhash of a disk.") { source, algorithm, blockSize, map, format, backing, IoTimeout.Option };
        Tuning.AddTo(command);
        command.SetAction(async (parsed, cancel) =>
        {
            var parameters = new BlkhashParameters(BlkhashParameters.ParseAlgorithm(parsed.GetValue(algorithm)!), parsed.GetValue(blockSize));
            var name = parsed.GetValue(source)!;
            var json = parsed.GetValue(GlobalOptions.Json);
            if (name == "-" && Tuning.IsAskedFor(parsed)) throw CliErrors.TuningOfAStream();
            var tuning = Tuning.Of(parsed, parameters.BlockBytes);
            var root = await HashAsync(name, parameters, parsed.GetValue(map), parsed.GetValue(format), parsed.GetValue(backing), IoTimeout.ConnectionOf(parsed), tuning, json, cancel);
            if (json)
            {
                JsonLine.Write(w =>
                {
                    w.WriteString("event", "hash");
                    w.WriteString("disk", name);
                    w.WriteString("algorithm", parameters.Name);
                    w.WriteString("digest", Convert.ToHexStringLower(root));
                    if (name != "-") tuning.WriteTo(w);
                });
            }
            else
            {
                Console.Out.WriteLine(BlkhashLine.Format(root, name));
            }

            return ExitCode.Success;
        });
        return command.WithExamples(
            "sealift hash disk.qcow2",
            "sealift hash --map disk.blockmap /dev/vg/disk",
            "sealift hash nbd+unix:///?socket=/run/disk.sock",
            "nbdcopy nbd://host/disk - | sealift hash -");
    }

    private static async Task<byte[]> HashAsync(string name, BlkhashParameters parameters, string? mapPath, ImageFormat? format, string? backing, NbdOptions connection, Tuning tuning, bool json, CancellationToken cancel)
    {
        if (name == "-")
        {
            if (mapPath is not null) throw CliErrors.MapOfAStream();
            using var input = PosixFile.StandardInput();
            return StreamHash.Compute(input.ReadNext, parameters, cancel: cancel).Root;
        }

        using var work = new WorkDirectory();
        await using var disk = await DiskArgument.OpenAsync(name, format, backing, tuning.Over(connection), work.Path, cancel);
        using var map = mapPath is null ? null : BlockMap.Create(mapPath, disk.LengthBytes, parameters);
        using var progress = ProgressLine.For(json, "hash");
        var root = await DiskHash.RunAsync(disk, parameters, map, tuning.Options, progress, cancel);
        map?.Close();
        return root;
    }
}
