using System.CommandLine;
using Sealift.Cli.Commands;

namespace Sealift.Cli;

/// <summary>Every command of sealift.</summary>
internal static class CommandTree
{
    public static RootCommand Build()
    {
        var root = new RootCommand("Sealift moves virtual machines off VMware and other hypervisors onto KVM, and proves that every byte arrived before anyone is handed the machine.")
        {
            GlobalOptions.State,
            GlobalOptions.Json,
        };
        root.Subcommands.Add(MigrateCommand.Build());
        foreach (var command in JournalCommands.Build()) root.Subcommands.Add(command);
        root.Subcommands.Add(SupportBundleCommand.Build());
        root.Subcommands.Add(PlanCommands.Build());
        root.Subcommands.Add(ProviderCommands.Build());
        root.Subcommands.Add(InventoryCommands.Build());
        root.Subcommands.Add(ServeCommand.Build());
        root.Subcommands.Add(CheckCommand.Build());
        root.Subcommands.Add(VerifyCommand.Build());
        root.Subcommands.Add(CopyCommand.Build());
        root.Subcommands.Add(RepairCommand.Build());
        root.Subcommands.Add(CompareCommand.Build());
        root.Subcommands.Add(HashCommand.Build());
        root.Subcommands.Add(MapCommand.Build());
        root.Subcommands.Add(DoctorCommand.Build());
        root.Subcommands.Add(CompletionCommand.Build());
        var manual = new Command("man", "Print the manual page, for 'man -l -'.");
        manual.SetAction(_ =>
        {
            Console.Out.Write(ManualPage.Write(root));
            return ExitCode.Success;
        });
        root.Subcommands.Add(manual.WithExamples("sealift man | man -l -"));
        root.WithExamples("sealift doctor", "sealift migrate web01.ova --to /srv/vms", "sealift verify /srv/vms/web01.seal.json");
        Examples.ShowInHelp(root);
        return root;
    }
}
