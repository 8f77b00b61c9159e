using System.CommandLine;
using Sealift.Blkhash;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift map show|diff|verify</c>: what a block map says.</summary>
internal static class MapCommand
{
    public static Command Build() => new("map", "Look into block maps and compare them.") { Show(), Diff(), Verify() };

    private static Command Show()
    {
        var file = new Argument<string>("MAP") { Description = "A block map." };
        var command = new Command("show", "Print what a block map says: length, digest, and its runs of data, zeros and holes.") { file };
        command.SetAction(parsed =>
        {
            using var map = BlockMap.Open(parsed.GetValue(file)!);
            var json = parsed.GetValue(GlobalOptions.Json);
            var root = map.IsComplete ? Convert.ToHexStringLower(map.Root()) : null;
            if (json)
            {
                JsonLine.Write(w =>
                {
                    w.WriteString("event", "map");
                    w.WriteNumber("lengthBytes", map.LengthBytes);
                    w.WriteString("algorithm", map.Parameters.Name);
                    w.WriteNumber("unknownBlocks", map.UnknownBlocks);
                    w.WriteString("digest", root);
                });
            }
            else
            {
                Console.Out.WriteLine($"length     {map.LengthBytes} bytes ({map.BlockCount} blocks of {map.BlockBytes})");
                Console.Out.WriteLine($"algorithm  {map.Parameters.Name}");
                Console.Out.WriteLine($"digest     {root ?? $"unknown: {map.UnknownBlocks} blocks are missing"}");
            }

            foreach (var run in map.Runs())
            {
                var (offset, length) = (run.First * map.BlockBytes, map.BytesOf(run));
                if (json) WriteRange("run", offset, length, run.State.ToString());
                else Console.Out.WriteLine($"{offset,20} {length,20} {Name(run.State.ToString())}");
            }

            return ExitCode.Success;
        });
        return command.WithExamples("sealift map show disk.blockmap");
    }

    private static Command Diff()
    {
        var a = new Argument<string>("A") { Description = "A block map." };
        var b = new Argument<string>("B") { Description = "The block map that it is compared with." };
        var command = new Command("diff", "Print the ranges in which two disks differ, by their block maps. Exit code 0: equal; 1: they differ.") { a, b };
        command.SetAction(parsed =>
        {
            using var mapA = BlockMap.Open(parsed.GetValue(a)!);
            using var mapB = BlockMap.Open(parsed.GetValue(b)!);
            var differs = false;
            foreach (var range in BlockMap.Diff(mapA, mapB))
            {
                differs = true;
                if (parsed.GetValue(GlobalOptions.Json)) WriteRange("difference", range.Offset, range.LengthBytes, range.Kind.ToString());
                else Console.Out.WriteLine($"{range.Offset,20} {range.LengthBytes,20} {Name(range.Kind.ToString())}");
            }

            return differs ? ExitCode.Failed : ExitCode.Success;
        });
        return command.WithExamples("sealift map diff before.blockmap after.blockmap");
    }

    private static Command Verify()
    {
        var file = new Argument<string>("MAP") { Description = "A block map." };
        var command = new Command("verify", "Read a whole block map and check every checksum in it.") { file };
        command.SetAction((parsed, cancel) =>
        {
            using var map = BlockMap.Open(parsed.GetValue(file)!);
            map.Verify(cancel);
            var said = map.IsComplete ? $"sound and complete; digest {Convert.ToHexStringLower(map.Root())}" : $"sound, but {map.UnknownBlocks} of {map.BlockCount} blocks are missing";
            if (!parsed.GetValue(GlobalOptions.Json)) Console.Out.WriteLine($"{parsed.GetValue(file)}: {said}");
            return Task.FromResult(map.IsComplete ? ExitCode.Success : ExitCode.Failed);
        });
        return command.WithExamples("sealift map verify disk.blockmap");
    }

    private static string Name(string member) => member.ToLowerInvariant();

    private static void WriteRange(string name, long offset, long lengthBytes, string kind) => JsonLine.Write(w =>
    {
        w.WriteString("event", name);
        w.WriteNumber("offset", offset);
        w.WriteNumber("lengthBytes", lengthBytes);
        w.WriteString("kind", Name(kind));
    });
}
