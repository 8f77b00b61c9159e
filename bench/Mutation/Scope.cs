namespace Sealift.Bench.Mutation;

/// <summary>A part of the code whose every check must be needed by a test, and the score that it is held to.</summary>
/// <param name="Name">What <c>bench/mutation</c> calls it.</param>
/// <param name="Project">Its project file, from the root of the repository.</param>
/// <param name="Tests">The test project that must notice.</param>
/// <param name="Files">The files that are mutated: names below the project's directory, or directories with a slash at the end.</param>
/// <param name="DeclaredPercent">The score below which the command fails.</param>
internal sealed record Scope(string Name, string Project, string Tests, IReadOnlyList<string> Files, double DeclaredPercent)
{
    /// <summary>The strict layer. The one place where scores are declared.</summary>
    public static IReadOnlyList<Scope> All { get; } =
    [
        new(
            "posix",
            "src/Sealift.Posix/Sealift.Posix.csproj",
            "tests/Sealift.Posix.Tests/Sealift.Posix.Tests.csproj",
            ["PosixFile.cs", "PosixPath.cs", "FileFacts.cs", "SystemCall.cs", "SystemCalls.cs", "PosixException.cs", "PosixTree.cs", "WorkDirectory.cs", "Native/PosixHandle.cs", "Native/DirectoryHandle.cs"],
            95),
        new(
            "blkhash",
            "src/Sealift.Blkhash/Sealift.Blkhash.csproj",
            "tests/Sealift.Blkhash.Tests/Sealift.Blkhash.Tests.csproj",
            [
                "BlkhashLine.cs", "BlkhashParameters.cs", "BlockMap.cs", "BlockMapFormat.cs", "FreeSpace.cs", "LeafHasher.cs", "MapHeader.cs", "MapIndex.cs", "MapPage.cs",
                "PageCache.cs", "PageEntry.cs", "RootHasher.cs", "StreamHash.cs",
            ],
            90),
        new(
            "copy",
            "src/Sealift.Disks/Sealift.Disks.csproj",
            "tests/Sealift.Disks.Tests/Sealift.Disks.Tests.csproj",
            [
                "AllocationMap.cs", "BlockRuns.cs", "CacheBypass.cs", "DiskCopy.cs", "DiskRepair.cs", "FileIdentity.cs", "HashedChunk.cs", "Mismatch.cs", "OrderedWindow.cs",
                "OverlayCommit.cs", "RawDisk.cs", "ReadBack.cs", "SourceFiles.cs", "TargetProof.cs", "UncachedRawDisk.cs", "FlushedPart.cs", "TwoHalves.cs", "MismatchPlace.cs", "Copies/",
            ],
            85),
    ];

    /// <summary>Whether a file below the project's directory is mutated.</summary>
    public bool Includes(string name) => Files.Any(file => file.EndsWith('/') ? name.StartsWith(file, StringComparison.Ordinal) : name == file) && !name.EndsWith("Errors.cs", StringComparison.Ordinal);
}
