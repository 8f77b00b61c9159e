using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>What was found out about a unit when it was opened.</summary>
/// <param name="Identity">Who it is.</param>
/// <param name="Inquiry">What it is.</param>
/// <param name="Capacity">How large it is.</param>
/// <param name="Limits">What it takes at once.</param>
/// <param name="Provisioning">What it does with space that is given up.</param>
/// <param name="Modes">Its caching, and whether it may be written.</param>
public sealed record UnitFacts(UnitIdentity Identity, UnitInquiry Inquiry, UnitCapacity Capacity, BlockLimits Limits, BlockProvisioning Provisioning, UnitModes Modes);

/// <summary>
/// One logical unit, open over one transport, for one caller at a time. Each time it is opened, and whenever something happened to it, it is
/// looked whether it is still the unit that was meant.
/// </summary>
public sealed class ScsiUnit : IDisposable
{
    // So often a command is repeated that was not carried out: a unit tells one event at a time.
    private const int MostRepeats = 16;
    private const byte RecoveredError = 0x1;

    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(100);

    private static int lastListId = Random.Shared.Next(); // those of a process before this one may still be under way

    private readonly ScsiPlace place;
    private readonly IScsiTransport transport;
    private readonly bool mayWrite;
    private HashSet<byte> pages = [];
    private UnitFacts facts = null!;
    private bool wrote;

    private ScsiUnit(ScsiPlace place, IScsiTransport transport, bool mayWrite)
    {
        this.place = place;
        this.transport = transport;
        this.mayWrite = mayWrite;
    }

    /// <summary>What it is called.</summary>
    public string Name => place.Name;

    /// <summary>What was found out when it was opened.</summary>
    public UnitFacts Facts => facts;

    /// <summary>Opens a unit and finds out who and what it is.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="mayWrite">Whether it may be written. Otherwise no command is sent to it that changes anything.</param>
    /// <param name="expected">Who it must be; null where that is not known yet.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="ScsiException">It is not reached (SL321x), is another one (SL3225), is no disk (SL3224), or fails (SL322x).</exception>
    public static async Task<ScsiUnit> OpenAsync(ScsiPlace place, bool mayWrite, UnitIdentity? expected, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(place);
        var unit = new ScsiUnit(place, await place.ConnectAsync(cancel), mayWrite);
        try
        {
            await Task.Run(() => unit.FindOut(expected, cancel), cancel);
            return unit;
        }
        catch
        {
            unit.Dispose();
            throw;
        }
    }

    /// <summary>Reads blocks.</summary>
    /// <param name="block">The first one.</param>
    /// <param name="buffer">Filled completely: whole blocks, no more than <see cref="MostBytes"/>.</param>
    /// <param name="fua">Whether the medium must be read.</param>
    /// <param name="cancel">Cancels it.</param>
    public void Read(ulong block, Memory<byte> buffer, bool fua, CancellationToken cancel)
    {
        var command = ScsiCommand.Read16(block, Blocks(buffer.Length), fua);
        var received = Execute(command, default, buffer, place.Options.ReplyDeadline, cancel);
        if (received != buffer.Length) throw ScsiErrors.NotUnderstood(Name, command.Name, $"it sent {received} of {buffer.Length} bytes, and reported no error");
    }

    /// <summary>Writes blocks.</summary>
    /// <param name="block">The first one.</param>
    /// <param name="content">Whole blocks, no more than <see cref="MostBytes"/>.</param>
    /// <param name="cancel">Cancels it.</param>
    public void Write(ulong block, ReadOnlyMemory<byte> content, CancellationToken cancel) =>
        Send(ScsiCommand.Write16(block, Blocks(content.Length)), content, place.Options.ReplyDeadline, cancel);

    /// <summary>Makes the unit write one block of zeros over and over, or give the space up where it says that it returns zeros then.</summary>
    /// <returns>False where it does not know how.</returns>
    public bool TryWriteZeroes(ulong block, uint blocks, CancellationToken cancel)
    {
        var unmap = facts.Capacity is { IsThin: true, ThinReadsZeroes: true } && facts.Provisioning is { UnmapsByWriteSame: true, ReadsZeroes: true };
        try
        {
            Send(ScsiCommand.WriteSame16(block, blocks, unmap), new byte[facts.Capacity.BlockBytes], place.Options.LongDeadline, cancel);
            return true;
        }
        catch (ScsiSenseException e) when (e.Sense.IsRefusal)
        {
            return false; // whoever asked writes the zeros
        }
    }

    /// <summary>Returns when all that was written is on the medium.</summary>
    /// <exception cref="ScsiException">It failed, or the unit was reset meanwhile (SL3227): what was written since the last flush may be lost.</exception>
    public void Flush(CancellationToken cancel)
    {
        var mark = place.FlushBegins();
        try
        {
            Send(ScsiCommand.SynchronizeCache16(), default, place.Options.LongDeadline, cancel);
        }
        catch (ScsiSenseException e) when (e.Sense.Is(ScsiSense.IllegalRequest, 0x20))
        {
            Send(ScsiCommand.SynchronizeCache10(), default, place.Options.LongDeadline, cancel);
        }

        place.Flushed(mark);
    }

    /// <summary>Asks once more who it is.</summary>
    /// <exception cref="ScsiException">It is another one (SL3225), or has another capacity (SL3226).</exception>
    public void VerifyUnchanged(CancellationToken cancel)
    {
        VerifyIdentity(cancel);
        var now = ReadCapacity(cancel);
        if (now != facts.Capacity) throw ScsiErrors.CapacityChanged(Name, $"it had {facts.Capacity.Blocks} blocks of {facts.Capacity.BlockBytes} bytes, and has {now.Blocks} of {now.BlockBytes} now");
    }

    /// <summary>Demands that nobody else has reserved the unit.</summary>
    /// <exception cref="ScsiException">Somebody has (SL3221).</exception>
    public void DemandUnreserved(CancellationToken cancel)
    {
        var data = new byte[32];
        int received;
        try
        {
            received = Execute(ScsiCommand.ReadReservation(data.Length), default, data, place.Options.ReplyDeadline, cancel);
        }
        catch (ScsiSenseException e) when (e.Sense.IsRefusal)
        {
            return; // a unit without persistent reservations; one of the older kind shows as a conflict
        }

        if (received < 8) throw ScsiErrors.NotUnderstood(Name, "PERSISTENT RESERVE IN", $"it sent {received} bytes");
        if (BinaryPrimitives.ReadUInt32BigEndian(data.AsSpan(4)) == 0) return;
        var key = received >= 16 ? BinaryPrimitives.ReadUInt64BigEndian(data.AsSpan(8)) : 0;
        throw ScsiErrors.Reserved(Name, "write to it", $"somebody holds a persistent reservation of it ({Type(received >= 22 ? data[21] & 0x0F : 0)}, key 0x{key:x16})");

        static string Type(int type) => type switch
        {
            1 => "write exclusive",
            3 => "exclusive access",
            5 => "write exclusive, registrants only",
            6 => "exclusive access, registrants only",
            7 => "write exclusive, all registrants",
            8 => "exclusive access, all registrants",
            _ => $"type {type}",
        };
    }

    /// <summary>Whether more than one unit of its target has the name of another one, as far as this host is shown them.</summary>
    /// <param name="identity">Whose name.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <returns>What is wrong, in words that begin in lower case; null where the name is nobody else's, or the transport cannot ask.</returns>
    public string? WhyNotUnique(UnitIdentity identity, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(identity);
        if (transport is SgDevice) return HostDevice.WhyNotUnique(identity);
        if (transport is not INeighbourTransport neighbours) return null;
        if (UnitNumbers.Parse(Ask(ScsiCommand.ReportLuns(UnitNumbers.AllocationBytes), UnitNumbers.AllocationBytes, cancel).Span) is not { } numbers) return $"its target has more than {UnitNumbers.Most} units, or numbers them in a way that is not known here: nobody could look whether a name is unique";
        if (numbers.Any(lun => lun > IscsiUri.HighestLun)) return $"its target has units above LUN {IscsiUri.HighestLun}, which are not asked for their names: nobody could look whether a name is unique";
        var same = new List<int>();
        foreach (var lun in numbers)
        {
            var (neighbour, whyNot) = Neighbour(neighbours, lun, cancel);
            if (whyNot is not null) return $"LUN {lun} of its target cannot be asked for its name ({whyNot}): nobody could look whether a name is unique";
            if (neighbour?.SharesNameWith(identity) == true) same.Add(lun);
        }

        // Another unit may be one that only the array reaches; where this one is not among them, they are not the ones that were meant.
        if (same.Count == 0 && identity.SharesNameWith(facts.Identity)) return $"its target lists no unit that says that it is {identity.Name}";
        return same.Count <= 1 ? null : $"{same.Count} units of the target say that they are {identity.Name} (LUN {string.Join(", ", same)}): a copy by name could go to the wrong one";
    }

    /// <summary>What it says of its blocks, from one on; as many as it likes to tell of.</summary>
    /// <returns>Null where it does not tell, or what it tells makes no sense; then why, in words that begin in lower case.</returns>
    public (IReadOnlyList<LbaStatus>? Runs, string WhyNot) AskStatus(ulong block, CancellationToken cancel)
    {
        var data = new byte[LbaStatus.AllocationBytes];
        try
        {
            var received = Execute(ScsiCommand.GetLbaStatus(block, data.Length), default, data, place.Options.ReplyDeadline, cancel);
            return LbaStatus.Parse(data.AsSpan(0, received), block, facts.Capacity.Blocks) is { } runs ? (runs, string.Empty) : (null, $"what the unit says of its blocks from {block} on makes no sense ({received} bytes)");
        }
        catch (ScsiSenseException e) when (e.Sense.Key is ScsiSense.IllegalRequest)
        {
            return (null, $"the unit does not tell which blocks have no space: to GET LBA STATUS it says {e.Sense}");
        }
    }

    /// <summary>What its copy manager can do.</summary>
    /// <returns>Null where it has none; then why, in words that begin in lower case.</returns>
    public (CopyAbility? Ability, string Why) AskCopyAbility(CancellationToken cancel)
    {
        if (!facts.Inquiry.CopiesThirdParty) return (null, "it does not say that it knows third-party copies (3PC)");
        try
        {
            if (!pages.Contains(0x8F)) return AskCopyParameters(cancel);
            var page = ThirdPartyCopyPage.Parse(ReadPage(0x8F, cancel));
            if (!page.Lists(0x83, 0x00, unlisted: true) && !page.Lists(0x83, 0x01)) return (null, "its list of third-party copy commands has no EXTENDED COPY, neither LID1 nor LID4");
            // A copy manager that knows only the later commands describes itself in the page alone.
            var (ability, why) = page.Ability is { } described && page.Lists(0x83, 0x01) ? (described, string.Empty) : AskCopyParameters(cancel);
            if (ability is null) return (null, why);
            var (forms, note) = Forms(page, cancel);
            return (ability with { Forms = forms, Note = note }, string.Empty);
        }
        catch (ScsiException e) when (e.Code == "SL3214")
        {
            return (null, $"this user may not ask what its copies can do: {e.Said}"); // the kernel lets only some commands through to all
        }
    }

    /// <summary>The forms that it lists, the best first. The one that would leave us with a copy that nobody can ask about is looked at first.</summary>
    private (IReadOnlyList<CopyForm> Forms, string Note) Forms(ThirdPartyCopyPage page, CancellationToken cancel)
    {
        var (forms, note) = (new List<CopyForm>(), string.Empty);
        if (page.Lists(0x83, 0x01))
        {
            if (page.Lists(0x84, 0x05) && page.Lists(0x83, 0x1C))
            {
                // Of a copy that there is not. To say so is what one does that knows the command.
                var (_, refusal) = AskCopyStatus(NextListId(), cancel);
                if (refusal is { KnowsNoSuchCopy: true }) forms.Add(CopyForm.Lid4InBackground);
                else note = $"asked for the status of a copy that there is not (RECEIVE COPY STATUS(LID4)), it {(refusal is { } sense ? $"says {sense}" : "has an answer")}";
            }

            forms.Add(CopyForm.Lid4);
        }

        if (page.Lists(0x83, 0x00, unlisted: true)) forms.Add(CopyForm.Lid1);
        return (forms, note);
    }

    private (CopyAbility? Ability, string Why) AskCopyParameters(CancellationToken cancel)
    {
        var data = new byte[CopyAbility.AllocationBytes];
        try
        {
            var received = Execute(ScsiCommand.CopyOperatingParameters(data.Length), default, data, place.Options.ReplyDeadline, cancel);
            return CopyAbility.Parse(data.AsMemory(0, received)) is { } ability ? (ability, string.Empty) : (null, $"what it says of its copies makes no sense ({received} bytes)");
        }
        catch (ScsiSenseException e) when (e.Sense.Key is ScsiSense.IllegalRequest)
        {
            return (null, $"asked what its copies can do, it says {e.Sense}");
        }
    }

    /// <summary>Has blocks copied, and waits for the end.</summary>
    /// <param name="form">By which command: not in the background.</param>
    /// <param name="list">The parameter list that belongs to it: <see cref="CopyList"/>.</param>
    /// <param name="about">What is copied, for errors.</param>
    /// <param name="cancel">Stops the waiting: what the unit then still does nobody knows.</param>
    /// <exception cref="ScsiSenseException">It did not copy all of it; nothing of it counts.</exception>
    public void Copy(CopyForm form, ReadOnlyMemory<byte> list, string about, CancellationToken cancel) => Send(ScsiCommand.ExtendedCopy(form, list.Length, about), list, place.Options.LongDeadline, cancel);

    /// <summary>Has blocks copied in the background, and follows that to its end.</summary>
    /// <param name="listId">Which copy it is, in its list as well: <see cref="NextListId"/>.</param>
    /// <param name="list">The parameter list.</param>
    /// <param name="segments">What it says.</param>
    /// <param name="about">What is copied, for errors.</param>
    /// <param name="segmentsDone">Told how many segments are copied, from the first one on.</param>
    /// <param name="cancel">Aborts the copy, and returns when it is gone.</param>
    /// <returns>What the unit said where it did not copy all, and no longer tries to; null where it says that it did.</returns>
    /// <exception cref="ScsiSenseException">It did not begin; or it failed, as any copy would.</exception>
    /// <exception cref="ScsiException">It did not end in time (SL3251), or nobody can say whether it has (SL3250).</exception>
    public string? CopyInBackground(uint listId, ReadOnlyMemory<byte> list, IReadOnlyList<CopySegment> segments, string about, IProgress<int>? segmentsDone, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        var begin = ScsiCommand.ExtendedCopy(CopyForm.Lid4InBackground, list.Length, about);
        BeginWrite(begin, CancellationToken.None);
        try
        {
            // Not cancelled while it is sent: it would have begun, and nobody would follow it.
            _ = Execute(begin, list, default, place.Options.ReplyDeadline, CancellationToken.None); // it receives nothing
            return new BackgroundCopy(this, listId, about, segments).Follow(place.Options, segmentsDone, cancel);
        }
        finally
        {
            place.WriteEnded();
        }
    }

    /// <summary>An identifier for a copy that none of ours under way has.</summary>
    public static uint NextListId() => (uint)Interlocked.Increment(ref lastListId);

    /// <summary>Asks about a copy in the background.</summary>
    /// <returns>What it sent; or how it refused.</returns>
    internal (ReadOnlyMemory<byte> Data, ScsiSense? Refusal) AskCopyStatus(uint listId, CancellationToken cancel)
    {
        var data = new byte[CopyStatus.AllocationBytes];
        try
        {
            return (data.AsMemory(0, Execute(ScsiCommand.ReceiveCopyStatus(listId, data.Length), default, data, place.Options.ReplyDeadline, cancel)), null);
        }
        catch (ScsiSenseException e)
        {
            return (default, e.Sense); // whatever it is: the copy may still be under way
        }
    }

    /// <summary>Has a copy in the background aborted.</summary>
    /// <returns>How it refused; null where it did not.</returns>
    internal ScsiSense? AbortCopy(uint listId)
    {
        try
        {
            _ = Execute(ScsiCommand.CopyOperationAbort(listId), default, default, place.Options.ReplyDeadline, CancellationToken.None); // it receives nothing
            return null;
        }
        catch (ScsiSenseException e)
        {
            return e.Sense; // it may have ended meanwhile: its status says
        }
    }

    /// <summary>The most bytes of one read or write.</summary>
    public int MostBytes => (int)Math.Min(1 << 20, facts.Limits.MaximumTransferBlocks is 0 ? long.MaxValue : (long)facts.Limits.MaximumTransferBlocks * facts.Capacity.BlockBytes);

    /// <inheritdoc/>
    public void Dispose() => transport.Dispose();

    /// <summary>Who a unit is; nobody where there is none, or it tells no names. Where it cannot be asked, why.</summary>
    private (UnitIdentity? Identity, string? WhyNot) Neighbour(INeighbourTransport neighbours, int lun, CancellationToken cancel)
    {
        var data = new byte[VitalPage.LimitBytes];
        var reply = neighbours.Inquire(lun, ScsiCommand.VitalProductData(0x83, data.Length), data, place.Options.ReplyDeadline, cancel);
        if (reply.Status == ScsiStatus.Good)
            return VitalPage.Cut(data.AsMemory(0, reply.ReceivedBytes), 0x83) is { } page && UnitIdentity.Parse(page, default) is { } identity ? (identity, null) : (null, "what it sends makes no sense");
        var sense = ScsiSense.Parse(reply.Sense.Span);
        // No such unit any more, or one without such a page: it has no name that a copy could go by.
        return reply.Status == ScsiStatus.CheckCondition && sense.IsRefusal ? (null, null) : (null, reply.Status == ScsiStatus.CheckCondition ? sense.ToString() : ScsiStatus.Name(reply.Status));
    }

    private void FindOut(UnitIdentity? expected, CancellationToken cancel)
    {
        Settle(cancel);
        var inquiry = UnitInquiry.Parse(Ask(ScsiCommand.Inquiry(UnitInquiry.AllocationBytes), UnitInquiry.AllocationBytes, cancel).Span) ?? throw ScsiErrors.NotUnderstood(Name, "INQUIRY", "what it sent is too short");
        if (!inquiry.IsConnected || inquiry.DeviceType != 0) throw ScsiErrors.NoDisk(Name, inquiry.IsConnected ? $"it is a device of type {inquiry.DeviceType}, and a disk has type 0" : "there is no such logical unit");
        pages = [.. ReadPage(0x00, cancel)[4..].Span];
        var identity = ReadIdentity(cancel);
        if (expected is not null && identity.Text != expected.Text) throw ScsiErrors.OtherUnit(Name, expected.Text, identity.Text);
        facts = new(
            identity,
            inquiry,
            ReadCapacity(cancel),
            pages.Contains(0xB0) ? BlockLimits.Parse(ReadPage(0xB0, cancel).Span) : BlockLimits.None,
            pages.Contains(0xB2) ? BlockProvisioning.Parse(ReadPage(0xB2, cancel).Span) : BlockProvisioning.None,
            ReadModes(cancel));
    }

    /// <summary>What happened before this session is told to it first, and is of no interest: nothing was read or written yet.</summary>
    private void Settle(CancellationToken cancel)
    {
        var busySince = System.Diagnostics.Stopwatch.GetTimestamp();
        for (var left = MostRepeats; ;)
        {
            var command = ScsiCommand.TestUnitReady();
            var reply = transport.Execute(command, default, default, place.Options.ReplyDeadline, cancel);
            if (reply.Status == ScsiStatus.Good) return;
            var sense = ScsiSense.Parse(reply.Sense.Span);
            if (reply.Status == ScsiStatus.CheckCondition && sense.Key == ScsiSense.UnitAttention && left-- > 0) continue;
            Judge(reply, command, busySince, cancel);
        }
    }

    private UnitIdentity ReadIdentity(CancellationToken cancel) =>
        UnitIdentity.Parse(pages.Contains(0x83) ? ReadPage(0x83, cancel) : default, pages.Contains(0x80) ? ReadPage(0x80, cancel) : default)
        ?? throw ScsiErrors.NotUnderstood(Name, "read its identity", "the descriptors of its Device Identification page do not fit into it");

    private void VerifyIdentity(CancellationToken cancel)
    {
        var now = ReadIdentity(cancel);
        if (now.Text != facts.Identity.Text) throw ScsiErrors.OtherUnit(Name, facts.Identity.Text, now.Text);
    }

    private UnitCapacity ReadCapacity(CancellationToken cancel)
    {
        var capacity = UnitCapacity.Parse(Ask(ScsiCommand.ReadCapacity16(UnitCapacity.AllocationBytes), UnitCapacity.AllocationBytes, cancel).Span)
            ?? throw ScsiErrors.NotUnderstood(Name, "READ CAPACITY(16)", "what it says of its capacity cannot be");
        if (capacity.HasProtection) throw ScsiErrors.NoDisk(Name, "its blocks carry protection information");
        return capacity;
    }

    private UnitModes ReadModes(CancellationToken cancel)
    {
        try
        {
            return UnitModes.Parse(Ask(ScsiCommand.ModeSenseCaching(UnitModes.AllocationBytes), UnitModes.AllocationBytes, cancel).Span);
        }
        catch (ScsiSenseException e) when (e.Sense.IsRefusal)
        {
            return UnitModes.Unknown; // a unit need not know its modes
        }
    }

    private ReadOnlyMemory<byte> ReadPage(byte page, CancellationToken cancel)
    {
        var command = ScsiCommand.VitalProductData(page, VitalPage.LimitBytes);
        return VitalPage.Cut(Ask(command, VitalPage.LimitBytes, cancel), page) ?? throw ScsiErrors.NotUnderstood(Name, command.Name, "what it sent is another page, or shorter than it says");
    }

    private ReadOnlyMemory<byte> Ask(ScsiCommand command, int bytes, CancellationToken cancel)
    {
        var data = new byte[bytes];
        return data.AsMemory(0, Execute(command, default, data, place.Options.ReplyDeadline, cancel));
    }

    private void Send(ScsiCommand command, ReadOnlyMemory<byte> output, TimeSpan deadline, CancellationToken cancel)
    {
        if (command.OperationCode is 0x91 or 0x35) // a flush changes nothing
        {
            _ = Execute(command, output, default, deadline, cancel); // it receives nothing
            return;
        }

        BeginWrite(command, cancel);
        try
        {
            _ = Execute(command, output, default, deadline, cancel); // it receives nothing
        }
        finally
        {
            place.WriteEnded();
        }
    }

    private void BeginWrite(ScsiCommand command, CancellationToken cancel)
    {
        if (command.Writes && !mayWrite) throw ScsiErrors.WritesToSource(Name, command.Name);
        if (!wrote) VerifyIdentity(cancel); // between the opening and the first write time may have passed
        wrote = true;
        place.WriteBegins(); // a reset while it is under way may lose it as well
    }

    /// <summary>Carries out a command, and repeats it where it was not carried out and nothing was lost.</summary>
    /// <returns>The bytes that came.</returns>
    private int Execute(ScsiCommand command, ReadOnlyMemory<byte> output, Memory<byte> input, TimeSpan deadline, CancellationToken cancel)
    {
        if (command.Writes && !mayWrite) throw ScsiErrors.WritesToSource(Name, command.Name);
        var busySince = System.Diagnostics.Stopwatch.GetTimestamp();
        for (var left = MostRepeats; ;)
        {
            var wasDirty = place.IsDirty;
            var reply = transport.Execute(command, output, input, deadline, cancel);
            if (reply.Status == ScsiStatus.Good) return reply.ReceivedBytes;
            var sense = ScsiSense.Parse(reply.Sense.Span);
            if (reply.Status == ScsiStatus.CheckCondition && sense.Key == RecoveredError)
            {
                // Done, with some trouble; or it is an earlier one that was, and this one was not. What was read did not come with it, and is asked for again.
                if (input.Length == 0 && !sense.IsDeferred) return 0;
                if (left-- > 0) continue;
            }

            if (reply.Status != ScsiStatus.CheckCondition || sense.Key != ScsiSense.UnitAttention || left-- == 0)
            {
                Judge(reply, command, busySince, cancel);
                continue;
            }

            if (sense.Asc == 0x29 && wasDirty && mayWrite) throw ScsiErrors.CacheLost(Name, command.Name, sense);
            if (sense.Is(ScsiSense.UnitAttention, 0x2A, 0x09)) throw ScsiErrors.CapacityChanged(Name, sense.ToString());
            if (facts is not null && command.OperationCode is not (0x12 or 0x00)) VerifyIdentityBetween(command, sense, cancel);
        }
    }

    /// <summary>What it says to the question who it is, is no answer to the command that was to be repeated.</summary>
    private void VerifyIdentityBetween(ScsiCommand command, ScsiSense attention, CancellationToken cancel)
    {
        try
        {
            VerifyIdentity(cancel);
        }
        catch (ScsiSenseException e)
        {
            throw ScsiErrors.NotUnderstood(Name, command.Name, $"it says {attention}; asked who it is, it says {e.Sense}");
        }
    }

    /// <summary>Waits where the unit is busy; throws otherwise.</summary>
    private void Judge(ScsiReply reply, ScsiCommand command, long busySince, CancellationToken cancel)
    {
        switch (reply.Status)
        {
            case ScsiStatus.Busy or ScsiStatus.TaskSetFull:
                if (System.Diagnostics.Stopwatch.GetElapsedTime(busySince) > place.Options.ReplyDeadline) throw ScsiErrors.StaysBusy(Name, command.Name, $"it has been {ScsiStatus.Name(reply.Status)} all the time");
                if (cancel.WaitHandle.WaitOne(BusyPause)) cancel.ThrowIfCancellationRequested();
                return;
            case ScsiStatus.ReservationConflict:
                throw ScsiErrors.Reserved(Name, command.Name, "it is reserved by somebody else (RESERVATION CONFLICT)");
            case ScsiStatus.CheckCondition:
                throw ScsiErrors.Sense(Name, command.Name, ScsiSense.Parse(reply.Sense.Span));
            default:
                throw ScsiErrors.NotUnderstood(Name, command.Name, $"it ended with {ScsiStatus.Name(reply.Status)}");
        }
    }

    private uint Blocks(int bytes)
    {
        if (bytes == 0 || bytes % facts.Capacity.BlockBytes != 0) throw new ArgumentException($"{bytes} bytes are no whole blocks", nameof(bytes));
        return (uint)(bytes / facts.Capacity.BlockBytes);
    }
}
