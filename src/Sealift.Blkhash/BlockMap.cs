using Sealift.Posix;

namespace Sealift.Blkhash;

/// <summary>
/// The file that keeps a disk's leaves, holes and state (docs/formats/block-map.md). All members may be called from many
/// threads. What was set becomes durable at <see cref="Checkpoint"/>; after a crash the map opens at its last checkpoint.
/// </summary>
/// <remarks>
/// Memory is bounded: about 8 MiB of pages and 24 bytes for each 4096 blocks (6 MiB for a disk of 64 TiB).
/// Errors are <see cref="SealiftException"/>: SL2101–SL2106 for a file that is not a sound map (file and offset named),
/// SL2110 once a write failed, SL2112 for changing a map that was opened for reading, and SL1xxx from the file system.
/// A reader should not keep a map open while another process updates it: space of old checkpoints is used again, and the
/// reader then finds pages that do not match (SL2106).
/// </remarks>
public sealed class BlockMap : IDisposable
{
    private readonly PosixFile file;
    private readonly bool canUpdate;
    private readonly LeafHasher leaves;
    private readonly PageEntry[] pages;
    private readonly PageCache cache;
    private readonly byte[] pageBytes; // scratch for the stored form of one page

    // Checkpoints run one at a time, and their waits for storage leave the gate open for writers. Always taken before the gate.
    private readonly Lock checkpointing = new();
    private readonly Lock gate = new();

    private readonly FreeSpace space = new();

    // Both of the last two checkpoints stay whole, because a torn header leads back to the one before. So space that is no
    // longer used waits here until neither header refers to it: superseded → the next checkpoint → retiring → the next → free.
    private List<FileRange> superseded = [];
    private List<FileRange> retiring = [];

    private MapHeader header;
    private bool isMirrored; // both headers tell of the same checkpoint
    private bool isChanged;
    private long unknownBlocks;
    private Exception? failure;
    private bool isClosed;

    private BlockMap(PosixFile file, MapHeader header, PageEntry[] pages, bool canUpdate)
    {
        this.file = file;
        this.header = header;
        this.pages = pages;
        this.canUpdate = canUpdate;
        LengthBytes = header.LengthBytes;
        Parameters = header.Parameters;
        BlockCount = Parameters.BlockCount(LengthBytes);
        leaves = new LeafHasher(Parameters);
        cache = new PageCache(Parameters.DigestBytes);
        pageBytes = new byte[MapPage.StoredBytes(Parameters, BlockMapFormat.PageBlocks, BlockMapFormat.PageBlocks)];
        for (var i = 0; i < pages.Length; i++)
            unknownBlocks += pages[i].IsStored ? pages[i].UnknownBlocks : pages[i].State == BlockState.Unknown ? BlocksIn(i) : 0;
    }

    /// <summary>The path that it was opened by.</summary>
    public string Path => file.Path;

    /// <summary>The disk's length in bytes.</summary>
    public long LengthBytes { get; }

    /// <summary>Digest and block size.</summary>
    public BlkhashParameters Parameters { get; }

    /// <summary>Bytes in a block; the disk's last block may be shorter.</summary>
    public int BlockBytes => Parameters.BlockBytes;

    /// <summary>The number of blocks, the short last one included.</summary>
    public long BlockCount { get; }

    /// <summary>The number of blocks that are <see cref="BlockState.Unknown"/>.</summary>
    public long UnknownBlocks
    {
        get { lock (gate) return unknownBlocks; }
    }

    /// <summary>Whether no block is <see cref="BlockState.Unknown"/>.</summary>
    public bool IsComplete => UnknownBlocks == 0;

    /// <summary>Creates a map in which every block is <see cref="BlockState.Unknown"/>, durably. The caller is its only writer.</summary>
    /// <param name="path">The file; it must not exist.</param>
    /// <param name="lengthBytes">The disk's length in bytes, from 0.</param>
    /// <param name="parameters">Digest and block size.</param>
    /// <exception cref="PosixException">It exists (EEXIST), or the file system refused; nothing is left behind.</exception>
    /// <exception cref="SealiftException">SL2111: more than 2³² blocks.</exception>
    public static BlockMap Create(string path, long lengthBytes, BlkhashParameters parameters) => Create(path, lengthBytes, parameters, static _ => { });

    /// <summary>Creates a map with the same length, parameters and content as another, as it is now (checkpointed or not).</summary>
    /// <param name="path">The file; it must not exist.</param>
    /// <param name="source">The map to start from; it should not be changed meanwhile.</param>
    /// <exception cref="SealiftException">As for <see cref="Create(string, long, BlkhashParameters)"/> and <see cref="Read"/>.</exception>
    public static BlockMap CreateCopy(string path, BlockMap source) => Create(path, source.LengthBytes, source.Parameters, copy => copy.TakeAll(source));

    /// <summary>Whether a file begins as a block map does, sound or not; anything but a regular file does not.</summary>
    /// <exception cref="PosixException">It is not there, or cannot be read.</exception>
    public static bool IsBlockMap(string path)
    {
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) return false;
        using var file = PosixFile.Open(path, OpenMode.Read);
        return MapHeader.HasMagic(file);
    }

    /// <summary>Opens a map for reading, at its last checkpoint.</summary>
    public static BlockMap Open(string path)
    {
        var file = OpenFile(path, OpenMode.Read);
        try
        {
            return Load(file, canUpdate: false);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Opens a map for reading and changing, at its last checkpoint.</summary>
    /// <exception cref="SealiftException">SL2107: somebody else has it open for update.</exception>
    public static BlockMap OpenForUpdate(string path)
    {
        var file = OpenFile(path, OpenMode.ReadWrite);
        try
        {
            if (!file.TryLock()) throw BlkhashErrors.InUse(path);
            var map = Load(file, canUpdate: true);
            map.FindFreeSpace();
            map.Mirror(); // so that space which only the older checkpoint uses is free at once
            return map;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Records that a block was read and is not all zeros.</summary>
    /// <param name="block">The block, from 0.</param>
    /// <param name="leaf">Its leaf, <see cref="BlkhashParameters.DigestBytes"/> bytes.</param>
    public void SetData(long block, ReadOnlySpan<byte> leaf)
    {
        CheckRange(block, 1);
        ArgumentOutOfRangeException.ThrowIfNotEqual(leaf.Length, Parameters.DigestBytes);
        lock (gate)
        {
            ThrowIfNotUpdatable();
            var page = Fetch(block / BlockMapFormat.PageBlocks);
            var at = (int)(block % BlockMapFormat.PageBlocks);
            if (page.State(at) == BlockState.Unknown) unknownBlocks--;
            page.States[at] = (byte)BlockState.Data;
            leaf.CopyTo(page.Leaf(at));
            page.IsDirty = true;
            isChanged = true;
        }
    }

    /// <summary>Records that blocks read as zeros.</summary>
    /// <param name="firstBlock">The first block, from 0.</param>
    /// <param name="count">The number of blocks.</param>
    /// <param name="state"><see cref="BlockState.Hole"/> where the allocation map proved it, <see cref="BlockState.Zero"/> where they were read.</param>
    public void SetZeroes(long firstBlock, long count, BlockState state)
    {
        if (state is not (BlockState.Hole or BlockState.Zero)) throw new ArgumentOutOfRangeException(nameof(state), state, "only Hole and Zero read as zeros");
        SetState(firstBlock, count, state);
    }

    /// <summary>Forgets what is known of blocks: they must be hashed again.</summary>
    public void SetUnknown(long firstBlock, long count) => SetState(firstBlock, count, BlockState.Unknown);

    /// <summary>The state of a block, and its leaf.</summary>
    /// <param name="block">The block, from 0.</param>
    /// <param name="leaf">Receives the leaf, also that of a hole or a block of zeros; all zero bytes while the block is unknown.</param>
    public BlockState Read(long block, Span<byte> leaf)
    {
        CheckRange(block, 1);
        ArgumentOutOfRangeException.ThrowIfNotEqual(leaf.Length, Parameters.DigestBytes);
        lock (gate)
        {
            ThrowIfUnusable();
            var number = block / BlockMapFormat.PageBlocks;
            var page = Known(number);
            var at = (int)(block % BlockMapFormat.PageBlocks);
            var state = page?.State(at) ?? pages[number].State;
            switch (state)
            {
                case BlockState.Data: page!.Leaf(at).CopyTo(leaf); break;
                case BlockState.Unknown: leaf.Clear(); break;
                default: ZeroLeafOf(block).CopyTo(leaf); break;
            }

            return state;
        }
    }

    /// <summary>How many blocks in a row, from one on, are known to read as zeros.</summary>
    /// <param name="firstBlock">The first block, from 0.</param>
    /// <param name="most">The most that are looked at.</param>
    /// <returns>From 0 to <paramref name="most"/>.</returns>
    public long CountZeroes(long firstBlock, long most) => CountRun(firstBlock, most, static state => state is BlockState.Zero or BlockState.Hole);

    /// <summary>How many blocks in a row, from one on, are known.</summary>
    /// <inheritdoc cref="CountZeroes"/>
    public long CountKnown(long firstBlock, long most) => CountRun(firstBlock, most, static state => state != BlockState.Unknown);

    /// <summary>How many blocks in a row, from one on, are <see cref="BlockState.Unknown"/>.</summary>
    /// <inheritdoc cref="CountZeroes"/>
    public long CountUnknown(long firstBlock, long most) => CountRun(firstBlock, most, static state => state == BlockState.Unknown);

    private long CountRun(long firstBlock, long most, Func<BlockState, bool> belongs)
    {
        CheckRange(firstBlock, most);
        var end = firstBlock + most;
        var block = firstBlock;
        while (block < end)
        {
            lock (gate)
            {
                ThrowIfUnusable();
                var number = block / BlockMapFormat.PageBlocks;
                var next = Math.Min(end, (number + 1) * BlockMapFormat.PageBlocks);
                var page = Known(number);
                if (page is null && !belongs(pages[number].State)) return block - firstBlock;
                for (; block < next; block++)
                    if (page is not null && !belongs(page.State((int)(block % BlockMapFormat.PageBlocks)))) return block - firstBlock;
            }
        }

        return most;
    }

    /// <summary>The length of a run in bytes: the last block of a disk may be short.</summary>
    public long BytesOf(BlockRun run) => Math.Min((run.First + run.Count) * BlockBytes, LengthBytes) - (run.First * BlockBytes);

    /// <summary>All blocks in order as runs of one state, merged. Each page is seen as it is when the enumeration gets there.</summary>
    public IEnumerable<BlockRun> Runs()
    {
        MapPage? page = null;
        var run = new BlockRun(0, 0, BlockState.Unknown);
        for (long number = 0; number < pages.Length; number++)
        {
            var first = number * BlockMapFormat.PageBlocks;
            if (UniformStateOf(number) is { } uniform)
            {
                if (uniform == run.State) run = run with { Count = run.Count + BlocksIn(number) };
                else
                {
                    if (run.Count > 0) yield return run;
                    run = new BlockRun(first, BlocksIn(number), uniform);
                }

                continue;
            }

            Snapshot(number, page ??= new MapPage(Parameters.DigestBytes));
            for (var i = 0; i < page.Blocks; i++)
            {
                if (page.State(i) == run.State) run = run with { Count = run.Count + 1 };
                else
                {
                    if (run.Count > 0) yield return run;
                    run = new BlockRun(first + i, 1, page.State(i));
                }
            }
        }

        if (run.Count > 0) yield return run;
    }

    /// <summary>The blkhash of the disk. The map should not be changed meanwhile.</summary>
    /// <exception cref="SealiftException">SL2108: a block is unknown.</exception>
    public byte[] Root()
    {
        using var root = new RootHasher(Parameters);
        var page = new MapPage(Parameters.DigestBytes);
        for (long number = 0; number < pages.Length; number++)
        {
            var first = number * BlockMapFormat.PageBlocks;
            if (UniformStateOf(number) is { } uniform)
            {
                if (uniform == BlockState.Unknown) throw BlkhashErrors.Incomplete(Path, UnknownBlocks, first);
                var end = first + BlocksIn(number);
                root.AppendZeroBlocks(end - first - 1);
                root.Append(ZeroLeafOf(end - 1)); // by itself, because the disk's last block may be short
                continue;
            }

            Snapshot(number, page);
            for (var i = 0; i < page.Blocks; i++)
            {
                if (page.State(i) == BlockState.Unknown) throw BlkhashErrors.Incomplete(Path, UnknownBlocks, first + i);
                root.Append(page.State(i) == BlockState.Data ? page.Leaf(i) : ZeroLeafOf(first + i));
            }
        }

        return root.Finish(LengthBytes);
    }

    /// <summary>Reads the header, the index and every stored page from the file again and checks them.</summary>
    /// <exception cref="SealiftException">SL2101–SL2106: what is damaged, and where.</exception>
    public void Verify(CancellationToken cancel = default)
    {
        lock (checkpointing)
        {
            lock (gate) ThrowIfUnusable();
            var newest = MapHeader.ReadNewest(file);
            if (newest != header) throw BlkhashErrors.BadHeader(Path, header.SlotOffset, "it is not the one that this map was opened with or wrote last");
            MapIndex.Read(file, newest);
            var page = new MapPage(Parameters.DigestBytes);
            for (long number = 0; number < pages.Length; number++)
            {
                cancel.ThrowIfCancellationRequested();
                lock (gate)
                    if (pages[number].IsStored) ReadStored(number, page);
            }
        }
    }

    /// <summary>Makes everything that was set before this call durable. Others may go on setting meanwhile.</summary>
    public void Checkpoint()
    {
        lock (checkpointing) WriteCheckpoint();
    }

    /// <summary>Checkpoint, then a checked close. Both headers then tell of the same state, and the file has no unused end.</summary>
    public void Close()
    {
        lock (checkpointing)
        {
            lock (gate)
            {
                if (isClosed) return;
            }

            if (canUpdate)
            {
                WriteCheckpoint();
                lock (gate) // nothing may be set between the last checkpoint and the end
                {
                    if (isChanged) throw new InvalidOperationException("the block map was changed while it was being closed");
                    Guard(() =>
                    {
                        if (!isMirrored) Mirror();
                        file.SetLength(header.FileBytes);
                        file.Sync();
                    });
                }
            }

            lock (gate)
            {
                isClosed = true;
                Release();
            }
        }
    }

    /// <summary>Without <see cref="Close"/> before it, abandons what was set since the last checkpoint.</summary>
    public void Dispose()
    {
        lock (checkpointing)
        lock (gate)
        {
            if (isClosed) return;
            isClosed = true;
            Release();
        }
    }

    private void Release()
    {
        if (canUpdate) file.Unlock(); // a child that is just being started has a copy of the descriptor, which would hold the lock for a moment more
        file.Close();
    }

    /// <summary>
    /// The ranges in which two disks differ, in order; neighbours of one kind are merged. A block that either map does not
    /// know differs, as does what only one of the disks has.
    /// </summary>
    /// <exception cref="SealiftException">SL2109: the maps differ in digest or block size.</exception>
    public static IEnumerable<BlockDifference> Diff(BlockMap a, BlockMap b)
    {
        if (a.Parameters != b.Parameters) throw BlkhashErrors.DifferentParameters(a.Path, b.Path, a.Parameters, b.Parameters);
        return Merged(DifferentBlocks(a, b));

        static IEnumerable<BlockDifference> Merged(IEnumerable<BlockDifference> differences)
        {
            BlockDifference? pending = null;
            foreach (var next in differences)
            {
                if (pending is { } p && p.Kind == next.Kind && p.Offset + p.LengthBytes == next.Offset)
                {
                    pending = p with { LengthBytes = p.LengthBytes + next.LengthBytes };
                    continue;
                }

                if (pending is { } done) yield return done;
                pending = next;
            }

            if (pending is { } last) yield return last;
        }
    }

    private static IEnumerable<BlockDifference> DifferentBlocks(BlockMap a, BlockMap b)
    {
        MapPage? pageA = null, pageB = null;
        var shorter = Math.Min(a.LengthBytes, b.LengthBytes);
        // A block that is cut short in one of the disks only has two different leaves even if the common bytes agree: it is
        // left to the range that tells of the length.
        var comparable = a.LengthBytes == b.LengthBytes ? a.BlockCount : shorter / a.BlockBytes;
        for (long number = 0, first = 0; first < comparable; number++, first += BlockMapFormat.PageBlocks)
        {
            var blocks = (int)Math.Min(BlockMapFormat.PageBlocks, comparable - first);
            if (a.UniformStateOf(number) is { } uniformA && b.UniformStateOf(number) is { } uniformB)
            {
                if (uniformA == BlockState.Unknown || uniformB == BlockState.Unknown)
                    yield return Range(first, blocks, BlockDifferenceKind.Unknown);
                continue; // two kinds of zeros are equal
            }

            a.Snapshot(number, pageA ??= new MapPage(a.Parameters.DigestBytes));
            b.Snapshot(number, pageB ??= new MapPage(b.Parameters.DigestBytes));
            for (var i = 0; i < blocks; i++)
            {
                if (pageA.State(i) == BlockState.Unknown || pageB.State(i) == BlockState.Unknown)
                    yield return Range(first + i, 1, BlockDifferenceKind.Unknown);
                else if (!a.LeafIn(pageA, i).SequenceEqual(b.LeafIn(pageB, i)))
                    yield return Range(first + i, 1, BlockDifferenceKind.Content);
            }
        }

        if (a.LengthBytes != b.LengthBytes)
        {
            var from = comparable * a.BlockBytes;
            yield return new BlockDifference(from, Math.Max(a.LengthBytes, b.LengthBytes) - from, BlockDifferenceKind.Length);
        }

        BlockDifference Range(long block, long count, BlockDifferenceKind kind)
        {
            var offset = block * a.BlockBytes;
            return new BlockDifference(offset, Math.Min(count * a.BlockBytes, a.LengthBytes - offset), kind);
        }
    }

    private static BlockMap Create(string path, long lengthBytes, BlkhashParameters parameters, Action<BlockMap> fill)
    {
        if (parameters.BlockCount(lengthBytes) > BlockMapFormat.MaximumBlocks) throw BlkhashErrors.TooLong(path, lengthBytes, parameters.BlockBytes);
        var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        try
        {
            if (!file.TryLock()) throw BlkhashErrors.InUse(path);
            var header = new MapHeader(parameters, lengthBytes, 0, BlockMapFormat.BodyOffset, 0, 0, BlockMapFormat.BodyOffset);
            var map = new BlockMap(file, header, new PageEntry[header.PageCount], canUpdate: true) { isChanged = true };
            fill(map);
            map.WriteCheckpoint();
            map.Mirror();
            PosixPath.SyncDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!);
            return map;
        }
        catch
        {
            // Half a new map is of no use to anybody, and would be in the way of the next attempt.
            _ = PosixPath.RemoveFile(path); // false: somebody removed it already, which is what is wanted
            file.Dispose();
            throw;
        }
    }

    private static PosixFile OpenFile(string path, OpenMode mode)
    {
        // Looked at before it is opened: opening a FIFO would wait for a writer.
        if (FileFacts.OfPath(path).Kind != FileKind.Regular) throw BlkhashErrors.NotAMap(path, "it is not a regular file");
        return PosixFile.Open(path, mode);
    }

    private static BlockMap Load(PosixFile file, bool canUpdate)
    {
        var header = MapHeader.ReadNewest(file);
        return new BlockMap(file, header, MapIndex.Read(file, header), canUpdate);
    }

    private void FindFreeSpace()
    {
        var used = new List<FileRange> { IndexRange(header) };
        for (var i = 0; i < pages.Length; i++)
            if (pages[i].IsStored) used.Add(RangeOf(i));
        if (space.Occupy(used) is { } overlapping) throw BlkhashErrors.BadIndex(Path, header.IndexOffset, $"two things are said to be at offset {overlapping.Offset} of the file");
    }

    /// <summary>Copies another map into this empty one.</summary>
    private void TakeAll(BlockMap source)
    {
        for (long number = 0; number < pages.Length; number++)
        {
            if (source.UniformStateOf(number) is { } uniform)
            {
                SetState(number * BlockMapFormat.PageBlocks, BlocksIn(number), uniform);
                continue;
            }

            lock (gate)
            {
                MakeRoom();
                var page = cache.Rent();
                source.Snapshot(number, page);
                page.IsDirty = true;
                cache.Add(page);
                unknownBlocks -= page.Blocks - page.Count(BlockState.Unknown);
            }
        }
    }

    private void SetState(long firstBlock, long count, BlockState state)
    {
        CheckRange(firstBlock, count);
        var end = firstBlock + count;
        while (firstBlock < end)
        {
            var number = firstBlock / BlockMapFormat.PageBlocks;
            var pageStart = number * BlockMapFormat.PageBlocks;
            var at = (int)(firstBlock - pageStart);
            var blocks = (int)Math.Min(BlocksIn(number) - at, end - firstBlock);
            lock (gate) // page by page, so that a long run does not keep others waiting
            {
                ThrowIfNotUpdatable();
                isChanged = true;
                if (blocks == BlocksIn(number))
                {
                    unknownBlocks += (state == BlockState.Unknown ? blocks : 0) - UnknownIn(number);
                    cache.Drop(number);
                    Replace(number, PageEntry.Uniform(state));
                }
                else
                {
                    var page = Fetch(number);
                    var states = page.States.AsSpan(at, blocks);
                    unknownBlocks += (state == BlockState.Unknown ? blocks : 0) - states.Count((byte)BlockState.Unknown);
                    states.Fill((byte)state);
                    page.IsDirty = true;
                }
            }

            firstBlock += blocks;
        }
    }

    // From here on the gate is held by the caller, except where a member says otherwise.

    private int UnknownIn(long number)
    {
        if (cache.Find(number) is { } page) return page.Count(BlockState.Unknown);
        var entry = pages[number];
        return entry.IsStored ? entry.UnknownBlocks : entry.State == BlockState.Unknown ? BlocksIn(number) : 0;
    }

    /// <summary>The page where its blocks are told apart; null where it is of one state. So looking at holes pushes nothing out of memory.</summary>
    private MapPage? Known(long number) => pages[number].IsStored ? Fetch(number) : cache.Find(number);

    /// <summary>The page in memory, from the cache, from the file, or made from its state.</summary>
    private MapPage Fetch(long number)
    {
        if (cache.Find(number) is { } cached) return cached;
        MakeRoom();
        var page = cache.Rent();
        if (pages[number].IsStored) ReadStored(number, page);
        else page.Reset(number, BlocksIn(number), pages[number].State);
        cache.Add(page);
        return page;
    }

    private void MakeRoom()
    {
        while (cache.Surplus is { } surplus)
        {
            if (surplus.IsDirty) Guard(() => Store(surplus));
            cache.Drop(surplus.Number);
        }
    }

    private void ReadStored(long number, MapPage page)
    {
        var entry = pages[number];
        var blocks = BlocksIn(number);
        var raw = pageBytes.AsSpan(0, MapPage.StoredBytes(Parameters, blocks, entry.DataBlocks));
        var n = file.ReadAt(raw, entry.Offset);
        if (n < raw.Length) throw BlkhashErrors.BadPage(Path, entry.Offset, number, $"the file ends {raw.Length - n} bytes before the end of the page");
        if (BlockMapFormat.Checksum(raw) != entry.Checksum) throw BlkhashErrors.BadPage(Path, entry.Offset, number, "it does not match its checksum");
        if (page.Decode(raw, number, blocks, entry) is { } said) throw BlkhashErrors.BadPage(Path, entry.Offset, number, said);
    }

    private void Store(MapPage page)
    {
        if (page.IsUniform)
        {
            Replace(page.Number, PageEntry.Uniform(page.State(0)));
        }
        else
        {
            var raw = pageBytes.AsSpan(0, page.Encode(pageBytes));
            var entry = new PageEntry
            {
                State = BlockState.Data,
                Offset = space.Allocate(raw.Length),
                Checksum = BlockMapFormat.Checksum(raw),
                UnknownBlocks = (ushort)page.Count(BlockState.Unknown),
                DataBlocks = (ushort)page.Count(BlockState.Data),
            };
            file.WriteAt(raw, entry.Offset);
            Replace(page.Number, entry);
        }

        page.IsDirty = false;
    }

    private void Replace(long number, PageEntry entry)
    {
        var old = pages[number];
        if (old.IsStored)
        {
            if (old.IsCheckpointed) superseded.Add(RangeOf(number));
            else space.Release(RangeOf(number));
        }

        pages[number] = entry;
    }

    /// <summary>Called with the checkpoint lock and without the gate.</summary>
    private void WriteCheckpoint()
    {
        MapHeader next;
        List<FileRange> old;
        lock (gate)
        {
            ThrowIfNotUpdatable();
            if (!isChanged) return;
            next = Guard(WritePagesAndIndex);
            if (header.IndexBytes > 0) superseded.Add(IndexRange(header));
            old = superseded;
            superseded = [];
            isChanged = false;
        }

        Guard(() =>
        {
            file.Sync(); // the header must not reach storage before what it refers to
            next.Write(file);
            file.Sync();
        });
        lock (gate)
        {
            header = next;
            isMirrored = false;
            foreach (var range in retiring) space.Release(range);
            retiring = old;
        }
    }

    private MapHeader WritePagesAndIndex()
    {
        foreach (var page in cache.Pages.Where(p => p.IsDirty).OrderBy(p => p.Number)) Store(page); // in order, to be read in order
        long indexBytes = MapIndex.Measure(pages), fileBytes = BlockMapFormat.BodyOffset;
        var indexOffset = space.Allocate(indexBytes);
        var checksum = MapIndex.Write(file, indexOffset, pages);
        for (var i = 0; i < pages.Length; i++)
        {
            if (!pages[i].IsStored) continue;
            pages[i].IsCheckpointed = true;
            var range = RangeOf(i);
            fileBytes = Math.Max(fileBytes, range.Offset + range.LengthBytes);
        }

        return header with
        {
            Generation = header.Generation + 1,
            IndexOffset = indexOffset,
            IndexBytes = indexBytes,
            IndexChecksum = checksum,
            FileBytes = Math.Max(fileBytes, indexOffset + indexBytes),
        };
    }

    /// <summary>
    /// Writes the other header too, so that both tell of the last checkpoint and nothing needs the one before. What is retiring stays
    /// so: a map that is new or just opened has none of it, and one that is being closed needs no more space.
    /// </summary>
    private void Mirror()
    {
        var next = header with { Generation = header.Generation + 1 };
        next.Write(file);
        file.Sync();
        header = next;
        isMirrored = true;
    }

    private void Guard(Action write) => Guard(() =>
    {
        write();
        return 0;
    });

    /// <summary>After a failed write nobody knows what the file holds: the map refuses everything from then on.</summary>
    private T Guard<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (Exception e)
        {
            failure = e;
            throw;
        }
    }

    /// <summary>The state of a whole page where that needs no look into it; takes the gate.</summary>
    private BlockState? UniformStateOf(long number)
    {
        lock (gate)
        {
            ThrowIfUnusable();
            if (cache.Find(number) is { } page) return page.IsUniform ? page.State(0) : null;
            return pages[number].IsStored ? null : pages[number].State;
        }
    }

    /// <summary>Copies a page as it is now, past the cache, so that a walk over the whole map does not empty it; takes the gate.</summary>
    private void Snapshot(long number, MapPage into)
    {
        lock (gate)
        {
            ThrowIfUnusable();
            if (cache.Find(number) is { } page) into.CopyFrom(page);
            else if (pages[number].IsStored) ReadStored(number, into);
            else into.Reset(number, BlocksIn(number), pages[number].State);
        }
    }

    private ReadOnlySpan<byte> LeafIn(MapPage page, int at) =>
        page.State(at) == BlockState.Data ? page.Leaf(at) : ZeroLeafOf((page.Number * BlockMapFormat.PageBlocks) + at);

    private ReadOnlySpan<byte> ZeroLeafOf(long block) =>
        leaves.ZeroLeafOf((int)Math.Min(BlockBytes, LengthBytes - (block * BlockBytes)));

    private int BlocksIn(long number) => (int)Math.Min(BlockMapFormat.PageBlocks, BlockCount - (number * BlockMapFormat.PageBlocks));

    private FileRange RangeOf(long number) => new(pages[number].Offset, MapPage.StoredBytes(Parameters, BlocksIn(number), pages[number].DataBlocks));

    private static FileRange IndexRange(MapHeader of) => new(of.IndexOffset, of.IndexBytes);

    private void CheckRange(long firstBlock, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstBlock);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, BlockCount - firstBlock); // less than nothing where the first is beyond the end
    }

    private void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(isClosed, this);
        if (failure is not null) throw BlkhashErrors.Unusable(Path, failure);
    }

    private void ThrowIfNotUpdatable()
    {
        ThrowIfUnusable();
        if (!canUpdate) throw BlkhashErrors.ReadOnly(Path);
    }
}
