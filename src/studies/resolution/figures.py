FIGURES = ()
def write_figures(folder): pass
