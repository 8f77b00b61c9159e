namespace Sealift.Plans.Store;

/// <summary>The tables of one part of the program, as they grew: each step is made once, in order, in a transaction of its own with the note that it was made.</summary>
/// <param name="Name">What the set is called in the table of versions; never changed.</param>
/// <param name="Steps">
/// SQL, the first for version 1. What was released is never edited. Written for both databases, with <c>{id}</c> for a key that counts up by itself,
/// <c>{long}</c> for 64 bits and <c>{strict}</c> after the parenthesis that ends a table.
/// </param>
public sealed record SchemaSet(string Name, IReadOnlyList<string> Steps)
{
    /// <summary>The tables of documents, runs and machines.</summary>
    public static SchemaSet Plans { get; } = new("plans",
    [
        """
        CREATE TABLE plan_document (
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            generation {long} NOT NULL,
            updated_at {long} NOT NULL,
            archived {long} NOT NULL DEFAULT 0,
            body TEXT NOT NULL,
            PRIMARY KEY (kind, name)) {strict};
        CREATE TABLE plan_reference (
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            field TEXT NOT NULL,
            target_kind TEXT NOT NULL,
            target_name TEXT NOT NULL,
            FOREIGN KEY (kind, name) REFERENCES plan_document(kind, name) ON DELETE CASCADE) {strict};
        CREATE INDEX plan_reference_source ON plan_reference (kind, name);
        CREATE INDEX plan_reference_target ON plan_reference (target_kind, target_name);
        CREATE TABLE plan_run (
            id TEXT PRIMARY KEY NOT NULL,
            plan TEXT NOT NULL,
            generation {long} NOT NULL,
            state TEXT NOT NULL,
            wave {long} NOT NULL,
            created_at {long} NOT NULL,
            ended_at {long},
            actor TEXT NOT NULL,
            owner TEXT,
            lease_until {long} NOT NULL DEFAULT 0,
            writes {long} NOT NULL DEFAULT 0) {strict};
        CREATE INDEX plan_run_newest ON plan_run (created_at, id);
        CREATE INDEX plan_run_plan ON plan_run (plan, created_at, id);
        CREATE UNIQUE INDEX plan_run_unfinished ON plan_run (plan) WHERE state <> 'finished';
        CREATE TABLE plan_run_documents (
            run TEXT PRIMARY KEY NOT NULL REFERENCES plan_run(id) ON DELETE CASCADE,
            body TEXT NOT NULL) {strict};
        CREATE TABLE plan_machine (
            run TEXT NOT NULL REFERENCES plan_run(id) ON DELETE CASCADE,
            seq {long} NOT NULL,
            machine TEXT NOT NULL,
            state TEXT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (run, seq),
            UNIQUE (run, machine)) {strict};
        CREATE INDEX plan_machine_state ON plan_machine (run, state);
        CREATE TABLE plan_order (
            id {id},
            run TEXT NOT NULL REFERENCES plan_run(id) ON DELETE CASCADE,
            body TEXT NOT NULL) {strict};
        CREATE INDEX plan_order_run ON plan_order (run, id);
        """,
    ]);
}
