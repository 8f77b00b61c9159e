namespace Sealift.Docs;

/// <summary>Every command that a page says is run does what the page says.</summary>
public sealed class CommandTests(Guest guest)
{
    public static IEnumerable<TheoryDataRow<string, string>> Sequences => CommandSequence.All(withMachine: false);

    [Theory]
    [MemberData(nameof(Sequences))]
    public Task Its_commands_end_as_the_page_says_and_say_what_it_shows(string page, string name) => CommandSequence.RunAsync(guest, page, name);
}

/// <summary>The same for those that begin with a machine that was migrated: that takes a while, and beside it the others run.</summary>
public sealed class MigratedMachineCommandTests(Guest guest)
{
    public static IEnumerable<TheoryDataRow<string, string>> Sequences => CommandSequence.All(withMachine: true);

    [Theory]
    [MemberData(nameof(Sequences))]
    public Task Its_commands_end_as_the_page_says_and_say_what_it_shows(string page, string name) => CommandSequence.RunAsync(guest, page, name);
}
